"""The true motion between two pictures of a scene: where every driving pixel lies in the source, and if it shows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from data_pipelines.moving_heads.rendering import pixel_centres
from data_pipelines.moving_heads.scene import Scene
from data_pipelines.moving_heads.state import HeadState
from data_pipelines.moving_heads.surface import look, place

SAME = 1e-6  # two surface points that are nearer to each other at rest are one
CORNERS = np.array(((-1, -1), (1, -1), (-1, 1), (1, 1)))

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
    _, there, shown = _follow(scene, driving, source, centres)
    visible = np.flatnonzero(shown & np.all(np.abs(there) <= 1, axis=1))
    # A pixel is the mean over half a pixel to each side; bilinear sampling reads two pixels a side.
    for before, after, xy, reach in ((driving, source, centres, 0.5), (source, driving, there, 1.5)):
        smooth = _is_smooth(scene, before, after, xy[visible], reach=reach * pixel, tolerance=pixel)
        visible = visible[smooth]
    visibility = np.zeros(len(centres), np.float32)
    visibility[visible] = 1
    return there.reshape(size, size, 2).astype(np.float32), visibility.reshape(size, size)


class Trace(NamedTuple):
    """What is seen at positions of one picture: its layer, where it lies in another picture, and if it shows there."""

    layer: Int[np.ndarray, "n"]
    there: Positions
    shown: Mask


def _follow(scene: Scene, before: HeadState, after: HeadState, xy: Positions) -> Trace:
    material = look(scene, before, xy)
    there = place(scene, after, material)[:, :2]
    found = look(scene, after, there)
    same = (found.layer == material.layer) & (np.abs(found.rest - material.rest).max(axis=1) < SAME)
    return Trace(material.layer, there, same)


def _is_smooth(
    scene: Scene, before: HeadState, after: HeadState, xy: Positions, *, reach: float, tolerance: float
) -> Mask:
    """Where the corners of a square about each position show in both states, and go where its centre goes.

    A corner goes with the centre if both lie on one surface, which may stretch, or if their shifts differ by less than
    `tolerance`.
    """
    material = look(scene, before, xy)
    shift = place(scene, after, material)[:, :2] - xy
    corners = xy[:, None] + reach * CORNERS  # [n 4 2]
    trace = _follow(scene, before, after, corners.reshape(-1, 2))
    shifts = trace.there.reshape(corners.shape) - corners
    together = np.abs(shifts - shift[:, None]).max(axis=2) < tolerance
    one_surface = trace.layer.reshape(-1, 4) == material.layer[:, None]
    return np.all(trace.shown.reshape(-1, 4) & (together | one_surface), axis=1)
