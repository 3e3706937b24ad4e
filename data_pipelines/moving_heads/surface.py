"""Where the skin goes when a face moves: material that stays with a surface point, to the surface and back.

A face moves by sliding its skin up and down: at each x the height y of a material point at rest is mapped by a
piecewise linear function to its height in the expression. That function has an exact inverse, so that pictures (surface
to material) and flow labels (material to surface) agree to rounding.
"""

import enum
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from data_pipelines.moving_heads.cast import Points, cast, lift
from data_pipelines.moving_heads.scene import BODY, OCCLUDERS, Face, Part, Scene, Values
from data_pipelines.moving_heads.state import HeadState, place_body, place_head, place_occluder

# Knots at rest, and where an expression moves them: the skin between two knots moves linearly with them.
Slide = tuple[list[Values], list[Values]]


class Layer(enum.IntEnum):
    """The kinds of material; parts that do not deform keep their own number, which is that of their Part."""

    FACE = 30  # the skin of cranium and jaw where expressions move it
    MOUTH = 31  # what shows between the lips
    EYE_LEFT = 32
    EYE_RIGHT = 33
    LID_LEFT = 34
    LID_RIGHT = 35


class Material(NamedTuple):
    """Surface points named so that the name stays with them, whatever the pose and the expression.

    `rest` is the point at rest in the frame of its body part. Eyeballs: (x, y, 0) from the middle of the iris. Lids:
    (x, height above the lid's edge, 0). Background: (x, y, 0) of the picture.
    """

    layer: Int[np.ndarray, "n"]
    rest: Points


class Side(NamedTuple):
    """One of the two eyes."""

    sign: float
    eye: Layer
    lid: Layer
    blink: str


SIDES = (
    Side(-1.0, Layer.EYE_LEFT, Layer.LID_LEFT, "blink_left"),
    Side(1.0, Layer.EYE_RIGHT, Layer.LID_RIGHT, "blink_right"),
)
GAZE = (0.034, 0.016)  # how far the gaze moves the iris
LID_AT_REST = 0.10  # the share of an eye's height that the upper lid covers when it is open


def look(scene: Scene, state: HeadState, xy: Float[np.ndarray, "n 2"]) -> Material:
    """The material seen at each position of the picture."""
    layer, rest = cast(scene, state, xy)
    skin = np.flatnonzero((layer == Part.CRANIUM) | (layer == Part.JAW))
    (x, y, z), (low, high) = rest[skin].T, scene.limits()
    face = skin[(x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]) & (z > 0.1)]
    layer[face], rest[face] = _relax(scene, state, rest[face])
    return Material(layer, rest)


def place(scene: Scene, state: HeadState, material: Material) -> Points:
    """Where material is before the camera, (x, y) of the picture and depth, seen or hidden."""
    layer, rest = material
    points = rest.copy()
    moving = np.flatnonzero(layer >= Layer.FACE)
    points[moving] = _deform(scene, state, Material(layer[moving], rest[moving]))
    body = (layer >= BODY[0]) & (layer <= BODY[-1])
    occluder = (layer >= OCCLUDERS[0]) & (layer <= OCCLUDERS[-1])
    for mine, placement in (
        (is_of_head(layer), place_head(state)),
        (body, place_body(state)),
        (occluder, place_occluder(state)),
    ):
        points[mine] = placement.forward(points[mine])
    return points


def is_of_head(layer: Int[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    """Which material belongs to the head: skin, hair, ears and what the face is made of."""
    return ((layer > Part.NOTHING) & (layer < Part.NECK)) | (layer >= Layer.FACE)


def _relax(scene: Scene, state: HeadState, points: Points) -> tuple[Int[np.ndarray, "n"], Points]:
    """Layer and rest of points on the moving face."""
    face, (x, y) = scene.face, points[:, :2].T
    layer = np.full(len(points), Layer.FACE, np.int64)
    slides = _slides(face, state, x)
    rest_y = _slide(y, [(moved, rest) for rest, moved in slides])
    (_, upper_lip), (_, lower_lip) = slides[1:]
    lips_apart = (y >= upper_lip[-1]) & (y < lower_lip[0])
    layer[lips_apart] = Layer.MOUTH
    rest_y[lips_apart] = y[lips_apart]
    rest = lift(scene, np.stack([x, rest_y], axis=1))
    for side in SIDES:
        (top, bottom), edge = face.eye_outline(x, sign=side.sign), _lid_edge(face, side, state, x)
        lid = (y > top) & (y < edge)
        eye = (y >= edge) & (y < bottom)
        layer[lid], layer[eye] = side.lid, side.eye
        rest[lid] = np.stack([x, edge - y, 0 * x], axis=1)[lid]
        iris_x, iris_y = _iris(face, side, state)
        rest[eye] = np.stack([x - iris_x, y - iris_y, 0 * x], axis=1)[eye]
    return layer, rest


def _deform(scene: Scene, state: HeadState, material: Material) -> Points:
    """The points of the head at which the material of the moving face lies: the inverse of `_relax`."""
    layer, rest = material
    x, rest_y = rest[:, 0].copy(), rest[:, 1]
    skin = layer == Layer.FACE
    y = np.where(skin, _slide(rest_y, _slides(scene.face, state, x)), rest_y)
    for side in SIDES:
        y = np.where(layer == side.lid, _lid_edge(scene.face, side, state, x) - rest_y, y)
        eye = layer == side.eye
        iris_x, iris_y = _iris(scene.face, side, state)
        x[eye] += iris_x
        y[eye] += iris_y
    return lift(scene, np.stack([x, y], axis=1))


def _slides(face: Face, state: HeadState, x: Values) -> list[Slide]:
    """How the skin slides at each x: about the brows, above the lips and below them."""
    lift_of_brow = 0.045 * state.brow if state.brow > 0 else 0.02 * state.brow
    brow = -lift_of_brow * _window((np.abs(x) - face.eye_x) / (0.8 * face.eye_x))
    brows = [face.brow_y + offset + 0 * x for offset in (-0.16, -0.045, 0.035, 0.075)]
    across = x / face.mouth_width
    curl = -0.045 * state.smile * (across**2 - 0.25) * _window(across / 1.7)
    gap = state.mouth * np.maximum(1 - across**2, 0)
    raised, lowered = curl - 0.022 * gap, curl + 0.09 * gap
    line = face.lip_line(x)
    upper = [line - 0.105, line - 0.045, line]
    lower = [line, line + 0.05, line + 0.19]
    return [
        (brows, [brows[0], brows[1] + brow, brows[2] + brow, brows[3]]),
        (upper, [upper[0], upper[1] + raised, upper[2] + raised]),
        (lower, [lower[0] + lowered, lower[1] + lowered, lower[2]]),
    ]


def _iris(face: Face, side: Side, state: HeadState) -> tuple[float, float]:
    """The middle of an iris, where the gaze brings it."""
    return side.sign * face.eye_x + GAZE[0] * state.gaze_x, face.iris_y + GAZE[1] * state.gaze_y


def _lid_edge(face: Face, side: Side, state: HeadState, x: Values) -> Values:
    """The height of the edge of an upper lid."""
    top, bottom = face.eye_outline(x, sign=side.sign)
    return top + (LID_AT_REST + (1 - LID_AT_REST) * getattr(state, side.blink)) * (bottom - top)


def _window(distance: Values) -> Values:
    """A smooth bump, 1 at 0 and exactly 0 beyond a distance of 1."""
    squared = distance * distance  # NumPy's fourth power is slow
    return np.maximum(1 - squared * squared, 0) ** 2


def _slide(y: Values, slides: list[Slide]) -> Values:
    """Heights mapped by slides; what lies in none of them stays."""
    out = y
    for start, stop in slides:
        for a, b, c, d in zip(start, start[1:], stop, stop[1:], strict=False):
            out = np.where((y >= a) & (y < b), c + (y - a) * (d - c) / (b - a), out)
    return out
