"""The true motion between two pictures of a scene: where every driving pixel lies in the source, and if it shows."""

import numpy as np
from jaxtyping import Bool, Float

from data_pipelines.moving_heads.rendering import pixel_centres
from data_pipelines.moving_heads.scene import Scene
from data_pipelines.moving_heads.state import HeadState
from data_pipelines.moving_heads.surface import Material, look, place

SAME = 1e-6  # two surface points that are nearer to each other at rest are one
CORNERS = ((-1, -1), (1, -1), (-1, 1), (1, 1))

Positions = Float[np.ndarray, "n 2"]
Mask = Bool[np.ndarray, "n"]


def true_flow(
    scene: Scene, source: HeadState, driving: HeadState, *, size: int
) -> tuple[Float[np.ndarray, "h w 2"], Float[np.ndarray, "h w"]]:
    """The backward flow from driving to source, and where the source shows what the driving picture shows.

    Sampling the source picture at `grid` gives the driving picture wherever `visibility` is 1, but for what sampling
    blurs: colours stay with surface points.

    Returns:
      grid: float32 [size size 2], for each driving pixel the (x, y) in the source of the surface point at its centre,
        in [-1, 1] with the ends at pixel centres. Where the point is hidden it lies behind what hides it, and it may
        lie outside the source.
      visibility: float32 [size size], 1 or 0. It is 0 where the point is hidden in the source or outside of it, and
        where the pixels about the point, here or there, hold something that moves otherwise.
    """
    centres = pixel_centres(size).reshape(-1, 2)
    pixel = 2 / (size - 1)
    here = look(scene, driving, centres)
    there = place(scene, source, here)[:, :2]
    visible = np.flatnonzero(is_shown(scene, source, here) & np.all(np.abs(there) <= 1, axis=1))
    # A pixel is the mean over half a pixel to each side; bilinear sampling reads two pixels a side.
    for before, after, xy, reach in ((driving, source, centres, 0.5), (source, driving, there, 1.5)):
        smooth = _smooth(scene, before, after, xy[visible], reach=reach * pixel, tolerance=pixel)
        visible = visible[smooth]
    visibility = np.zeros(len(centres), np.float32)
    visibility[visible] = 1
    return there.reshape(size, size, 2).astype(np.float32), visibility.reshape(size, size)


def is_shown(scene: Scene, state: HeadState, material: Material) -> Mask:
    """Where material is what the picture of a state shows at the place to which the state brings it."""
    shown = look(scene, state, place(scene, state, material)[:, :2])
    return (shown.layer == material.layer) & (np.abs(shown.rest - material.rest).max(axis=1) < SAME)


def _smooth(
    scene: Scene, before: HeadState, after: HeadState, xy: Positions, *, reach: float, tolerance: float
) -> Mask:
    """Where the corners of a square about each position show in both states, and go where its centre goes.

    A corner goes with the centre if both lie on one surface, which may stretch, or if their shifts differ by less than
    `tolerance`.
    """
    middle = look(scene, before, xy)
    shift = place(scene, after, middle)[:, :2] - xy
    smooth = np.ones(len(xy), bool)
    for corner in CORNERS:
        start = xy + reach * np.array(corner)
        material = look(scene, before, start)
        corner_shift = place(scene, after, material)[:, :2] - start
        together = np.abs(corner_shift - shift).max(axis=1) < tolerance
        smooth &= is_shown(scene, after, material) & (together | (material.layer == middle.layer))
    return smooth
