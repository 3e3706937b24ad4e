"""Landmarks: named surface points, and where exactly they lie in a picture."""

import numpy as np
from jaxtyping import Bool, Float

from data_pipelines.moving_heads.cast import lift
from data_pipelines.moving_heads.scene import Part, Scene
from data_pipelines.moving_heads.state import HeadState
from data_pipelines.moving_heads.surface import SIDES, Layer, Material, Side, look, place

SIDE_NAMES = (
    *("brow_{}_outer", "brow_{}_middle", "brow_{}_inner"),
    *("eye_{}_outer", "eye_{}_inner", "eye_{}_lower", "eye_{}_upper", "iris_{}"),
    *("ear_{}", "nose_{}", "mouth_{}", "jaw_{}", "shoulder_{}"),
)
MIDDLE_NAMES = (
    *("nose_bridge", "nose_tip", "chin", "neck"),
    *("upper_lip_top", "upper_lip_bottom", "lower_lip_top", "lower_lip_bottom"),
)
LANDMARKS: tuple[str, ...] = (
    *(name.format("left") for name in SIDE_NAMES),
    *(name.format("right") for name in SIDE_NAMES),
    *MIDDLE_NAMES,
)

JUST_ABOVE = 1e-6  # the line where the lips meet belongs to the lower lip
COVERED = 0.02  # a landmark is hidden by what lies so much nearer; its own surface, seen beside it, is not
Point = tuple[int, Float[np.ndarray, "3"]]


def landmarks(scene: Scene, state: HeadState) -> tuple[Float[np.ndarray, "k 2"], Bool[np.ndarray, "k"]]:
    """Where the landmarks named by `LANDMARKS` lie in the picture, and which of them are seen.

    Returns:
      position: float64 (x, y) in [-1, 1] with the ends at pixel centres; outside that range when out of the picture.
      visible: False where something nearer, or a lid, covers the landmark, and where it is out of the picture.
    """
    material = _material(scene)
    points = place(scene, state, material)
    position, depth = points[:, :2], points[:, 2]
    shown = look(scene, state, position)
    visible = (depth > place(scene, state, shown)[:, 2] - COVERED) & np.all(np.abs(position) <= 1, axis=1)
    for side in SIDES:
        visible &= ~((material.layer == side.eye) & (shown.layer != side.eye))  # a lid lies on the eye, not before it
    return position, visible


def _material(scene: Scene) -> Material:
    points = [point for side in SIDES for point in _of_side(scene, side)] + _of_middle(scene)
    layers, rests = zip(*points, strict=True)
    return Material(np.array(layers, np.int64), np.stack(rests))


def _of_side(scene: Scene, side: Side) -> list[Point]:
    """The landmarks of one half of the face, in the order of SIDE_NAMES."""
    face, sign = scene.face, side.sign
    ear = Part.EAR_LEFT if sign < 0 else Part.EAR_RIGHT
    along = np.array([0.85, 0.0, -0.85])
    brow_x = sign * (face.eye_x + face.brow_length * along)
    eye_x = sign * (face.eye_x + face.eye_width * np.array([1.0, -1.0, 0.0]))
    _, eye_bottom = face.eye_outline(eye_x, sign=sign)
    lip_x = np.array([sign * face.mouth_width])
    return [
        *_on_face(scene, brow_x, face.brow_line(along)),
        *_on_face(scene, eye_x, eye_bottom),
        (side.lid, np.array([sign * face.eye_x, 0.0, 0.0])),
        (side.eye, np.zeros(3)),
        _on_solid(scene, ear, (0.6 * sign, 0, 0.8)),
        _on_solid(scene, Part.NOSE, (0.8 * sign, 0.2, 0.5)),
        *_on_face(scene, lip_x, face.lip_line(lip_x)),
        _on_solid(scene, Part.JAW, (0.8 * sign, 0.5, 0.3)),
        _on_solid(scene, Part.TORSO, (0.75 * sign, -0.6, 0.1)),
    ]


def _of_middle(scene: Scene) -> list[Point]:
    """The landmarks on the symmetry plane, in the order of MIDDLE_NAMES."""
    face, middle = scene.face, np.zeros(4)
    line = face.lip_line(middle)
    lips = line + np.array([-face.upper_lip_height(middle)[0], -JUST_ABOVE, 0.0, face.lip_lower])
    return [
        _on_solid(scene, Part.BRIDGE, (0, -0.6, 0.8)),
        _on_solid(scene, Part.NOSE, (0, 0, 1)),
        _on_solid(scene, Part.JAW, (0, 0.97, 0.25)),
        _on_solid(scene, Part.NECK, (0, 0.1, 1)),
        *_on_face(scene, middle, lips),
    ]


def _on_face(scene: Scene, x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> list[Point]:
    return [(Layer.FACE, point) for point in lift(scene, np.stack([x, y], axis=1))]


def _on_solid(scene: Scene, part: Part, direction: tuple[float, float, float]) -> Point:
    """The point of a solid's surface in a direction from its centre, in units of its radii."""
    unit = np.array(direction) / np.linalg.norm(direction)
    solid = scene.solids[part]
    return part, solid.centre + solid.radii * unit
