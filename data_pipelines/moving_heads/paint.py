"""The colour of material: a function of what it is and where it lies at rest, never of pose or expression.

Light and shade are painted on too. That keeps a surface point's colour the same in every frame, so that the true flow
carries colours exactly.
"""

import functools
import math

import numpy as np
from jaxtyping import Int

from data_pipelines.moving_heads.cast import Points
from data_pipelines.moving_heads.face_paint import (
    Colours,
    blob,
    mix,
    paint_eye,
    paint_face,
    paint_lid,
    paint_mouth,
    ramp,
)
from data_pipelines.moving_heads.occluder import paint_occluder
from data_pipelines.moving_heads.scene import OCCLUDERS, SKIN_OF_HEAD, Part, Scene
from data_pipelines.moving_heads.shading import brightness, skin_normals, solid_normals
from data_pipelines.moving_heads.surface import Layer, Material


def paint(scene: Scene, material: Material) -> Colours:
    """Colours in [0, 1] of material."""
    colours = np.zeros_like(material.rest)
    for layers, painter in PAINTERS:
        index = np.flatnonzero(_is_any(material.layer, layers))
        if len(index):
            colours[index] = painter(scene, material.rest[index])
    return np.clip(colours, 0, 1)


def _is_any(layer: Int[np.ndarray, "n"], layers: tuple[int, ...]) -> np.ndarray:
    """Like np.isin, which is slow for a handful of numbers."""
    found = layer == layers[0]
    for other in layers[1:]:
        found |= layer == other
    return found


def _face(scene: Scene, points: Points) -> Colours:
    return paint_face(scene.face, scene.looks, points, _skin(scene, points))


def _skin(scene: Scene, points: Points) -> Colours:
    """Skin of the head with its shading, blush, freckles, beard and the nose's wings and holes."""
    looks, face, (x, y, z) = scene.looks, scene.face, points.T
    skin = np.broadcast_to(looks.skin.astype(x.dtype), points.shape)
    rosy = looks.skin * (1.0, 0.72, 0.70)
    cheek = blob(np.abs(x) - 0.24, y - 0.14, 0.11) * (z > 0)
    skin = mix(skin, rosy, looks.blush * cheek)
    if looks.freckles > 0:
        specks = ramp(np.sin(97 * x + 13 * np.sin(41 * y)) * np.sin(89 * y + 11 * np.sin(53 * x)) - 0.55, 0.2)
        under_eyes = blob(np.abs(x) - 0.17, y - 0.09, 0.12) * (z > 0)
        skin = mix(skin, looks.skin * (0.75, 0.6, 0.5), looks.freckles * specks * under_eyes)
    chin = ramp(y - 0.17 - 0.10 * np.cos(3.2 * x) ** 2 - 0.02, 0.04) * ramp(z + 0.10, 0.05)
    droop = y - face.mouth_y + 0.062 - 2.2 * x * x
    moustache = ramp(0.026 - np.abs(droop), 0.012) * ramp(face.mouth_width - np.abs(x), 0.02)
    hairy = np.maximum(looks.beard * chin, looks.moustache * moustache * (z > 0))
    skin = mix(skin, 0.8 * looks.brow + 0.2 * looks.skin, hairy)
    nostril = np.exp(-(((np.abs(x) - 0.030) / 0.014) ** 2 + ((y - 0.160) / 0.010) ** 2)) * (z > 0.3)
    skin = mix(skin, looks.skin * 0.35, 0.8 * nostril)
    return skin * brightness(skin_normals(scene, points), looks.light)[:, None]


def _hair(scene: Scene, points: Points) -> Colours:
    """Hair with strands that run down from the crown and a band of gloss."""
    x, y, z = points.T
    around = scene.hair.strands * np.arctan2(x, z + 0.03)
    strands = np.sin(around + 3 * np.sin(5 * y)) + 0.6 * np.sin(2.3 * around + 9 * y)
    outward = points - np.array((0, -0.1, -0.05), points.dtype)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-9
    shade = brightness(outward, scene.looks.light) * (1 + 0.10 * strands)
    gloss = np.exp(-(((outward @ scene.looks.light.astype(x.dtype) - 0.86) / 0.09) ** 2)) * (1 + 0.3 * strands)
    return mix(scene.looks.hair.astype(x.dtype) * shade[:, None], np.ones(3), 0.16 * gloss)


def _lining(scene: Scene, points: Points) -> Colours:
    """The inner wall of the hair, in its own shadow."""
    return 0.55 * _hair(scene, points)


def _neck(scene: Scene, points: Points) -> Colours:
    """The neck, darker under the chin."""
    shadow = ramp(0.62 - points[:, 1], 0.16)
    shade = brightness(solid_normals(scene, Part.NECK, points), scene.looks.light) * (1 - 0.28 * shadow)
    return scene.looks.skin.astype(points.dtype) * shade[:, None]


def _clothes(scene: Scene, points: Points) -> Colours:
    """The torso: a shirt with a collar, plain or striped, and the skin that its neckline shows."""
    looks, (x, y, z) = scene.looks, points.T
    cloth = np.broadcast_to(looks.clothes.astype(x.dtype), points.shape)
    if looks.stripes > 0:
        cloth = mix(cloth, looks.trim, ramp(np.sin(2 * np.pi * looks.stripes * (y + 0.1 * x * x)), 0.5))
    depth = y - (0.76 + looks.neckline) + 1.1 * np.abs(x)
    depth = np.where(z > -0.2, depth, y - 0.70)
    cloth = mix(cloth, looks.trim * 0.9, ramp(0.035 - depth, 0.012))
    cloth = mix(cloth, looks.skin, ramp(-depth, 0.010))
    return cloth * brightness(solid_normals(scene, Part.TORSO, points), looks.light)[:, None]


def _background(scene: Scene, points: Points) -> Colours:
    """The wall behind the head."""
    wall, (x, y) = scene.background, points[:, :2].T
    plain = mix(np.broadcast_to(wall.top.astype(x.dtype), points.shape), wall.bottom, (y + 1) / 2)
    right, down = math.pi * wall.frequency * math.cos(wall.angle), math.pi * wall.frequency * math.sin(wall.angle)
    along = right * x + down * y + wall.phase[0]
    across = right * y - down * x + wall.phase[1]
    pattern = {
        "spots": lambda: ramp(np.sin(along) * np.sin(across) - 0.25, 0.25),
        "stripes": lambda: ramp(np.sin(along), 0.5),
        "waves": lambda: 0.5 + 0.5 * np.sin(along + 1.5 * np.sin(across)),
        "plain": lambda: np.zeros_like(x),
    }[wall.pattern]()
    return plain * (1 + wall.strength * (pattern - 0.5))[:, None]


PAINTERS = (
    ((Part.NOTHING,), _background),
    (SKIN_OF_HEAD, _skin),
    ((Layer.FACE,), _face),
    ((Layer.MOUTH,), paint_mouth),
    ((Layer.EYE_LEFT, Layer.EYE_RIGHT), paint_eye),
    ((Layer.LID_LEFT, Layer.LID_RIGHT), paint_lid),
    ((Part.CAP, Part.LOCKS), _hair),
    ((Part.LINING,), _lining),
    ((Part.NECK,), _neck),
    ((Part.TORSO,), _clothes),
    *(((kind,), functools.partial(paint_occluder, kind)) for kind in OCCLUDERS),
)
