"""What passes before a face: a hand on its forearm, or a microphone on its handle."""

import dataclasses

import numpy as np

from data_pipelines.moving_heads.cast import Points
from data_pipelines.moving_heads.face_paint import Colours, mix, ramp
from data_pipelines.moving_heads.scene import Ellipsoid, OccluderLooks, Part, Scene
from data_pipelines.moving_heads.shading import brightness, solid_normals

FINGERS = (Part.FINGER_1, Part.FINGER_2, Part.FINGER_3, Part.FINGER_4)


def add_occluder(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene with a hand or a microphone in it; where it is, the state says."""
    hand = rng.random() < 0.5
    size, grip = rng.uniform(0.85, 1.15), rng.uniform(0.1, 0.8, size=3)
    if hand:
        solids = _hand(size, thumb=rng.choice([-1.0, 1.0]))
        # Often the hand of the person in the picture.
        top = scene.looks.skin * (1.0 if rng.random() < 0.5 else rng.uniform(0.6, 1.0))
    else:
        solids, top = _microphone(size), np.full(3, rng.uniform(0.12, 0.45))
    return dataclasses.replace(scene, solids=scene.solids | solids, occluder=OccluderLooks(top=top, grip=grip))


def _hand(size: float, *, thumb: float) -> dict[Part, Ellipsoid]:
    """An open hand about the middle of its palm, its forearm reaching down; the thumb's side is 1 or -1."""
    heights = (0.15, 0.18, 0.17, 0.12)  # from the index finger on
    fingers = {
        part: _ellipsoid(size, (thumb * (0.105 - 0.07 * number), -0.16 - height, 0), (0.034, height, 0.034))
        for number, (part, height) in enumerate(zip(FINGERS, heights, strict=True))
    }
    return fingers | {
        Part.PALM: _ellipsoid(size, (0, 0, 0), (0.155, 0.21, 0.06)),
        Part.THUMB: _ellipsoid(size, (thumb * 0.18, -0.02, 0.02), (0.05, 0.14, 0.045)),
        Part.SLEEVE: _ellipsoid(size, (0, 0.82, -0.02), (0.15, 0.70, 0.09)),
    }


def _microphone(size: float) -> dict[Part, Ellipsoid]:
    """A microphone about the middle of its grille, its handle reaching down."""
    return {
        Part.GRILLE: _ellipsoid(size, (0, 0, 0), (0.13, 0.16, 0.13)),
        Part.HANDLE: _ellipsoid(size, (0, 0.72, 0), (0.075, 0.62, 0.075)),
    }


def _ellipsoid(size: float, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Ellipsoid:
    return Ellipsoid(size * np.array(centre), size * np.array(radii))


def paint_occluder(kind: Part, scene: Scene, points: Points) -> Colours:
    """The colours of one part of the occluder."""
    if scene.occluder is None:
        raise ValueError(f"the scene has a {kind.name.lower()} but no colours for it")
    x, y = points[:, 0], points[:, 1]
    top, grip = (
        np.broadcast_to(colour, points.shape).astype(x.dtype) for colour in (scene.occluder.top, scene.occluder.grip)
    )
    if kind == Part.SLEEVE:
        colours = mix(grip, 0.6 * scene.occluder.grip, ramp(np.sin(40 * y), 0.6))
    elif kind == Part.HANDLE:
        colours = grip
    elif kind == Part.GRILLE:
        colours = mix(top, np.full(3, 0.75), 0.5 * ramp(np.sin(55 * x) * np.sin(55 * y) - 0.2, 0.4))
    else:
        colours = top
    return colours * brightness(solid_normals(scene, kind, points), scene.looks.light)[:, None]
