"""Normals and the light on them, fixed to the body part so that a surface point keeps its colour."""

import numpy as np
from jaxtyping import Float

from data_pipelines.moving_heads.cast import Points
from data_pipelines.moving_heads.scene import SKIN_OF_HEAD, Part, Scene


def skin_normals(scene: Scene, points: Points) -> Points:
    """Unit normals of the head, blended where its solids meet so that no crease shows."""
    total = np.zeros_like(points)
    for kind in SKIN_OF_HEAD:
        solid = scene.solids[kind]
        centre, radii = solid.centre.astype(points.dtype), solid.radii.astype(points.dtype)
        within = (points - centre) / radii
        slope = within / radii
        steepness = np.sqrt(np.einsum("nd,nd->n", slope, slope)) + 1e-9
        distance = (np.einsum("nd,nd->n", within, within) - 1) / (2 * steepness)
        weight = np.exp(-np.maximum(distance, 0) / 0.022)
        total += slope * (weight / steepness)[:, None]
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9)


def solid_normals(scene: Scene, kind: Part, points: Points) -> Points:
    """Unit normals of one solid."""
    solid = scene.solids[kind]
    slope = (points - solid.centre.astype(points.dtype)) / (solid.radii**2).astype(points.dtype)
    return slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9)


def brightness(normals: Points, light: Float[np.ndarray, "3"]) -> Float[np.ndarray, "n"]:
    """How bright a surface is with the unit vector `light` towards its lamp: soft Lambert, never quite black."""
    return 0.62 + 0.46 * np.maximum(0.25 + 0.75 * (normals @ light.astype(normals.dtype)), 0)
