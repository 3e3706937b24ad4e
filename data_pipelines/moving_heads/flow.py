"""The true motion between two pictures of a scene: where every driving pixel lies in the source, and if it shows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from data_pipelines.moving_heads.rendering import pixel_centres
from data_pipelines.moving_heads.scene import Scene
from data_pipelines.moving_heads.state import HeadState
from data_pipelines.moving_heads.surface import is_of_head, look, place

SAME = 1e-6  # two surface points that are nearer to each other at rest are one
AROUND = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)])
APART = 0.5  # pixels: what drifts farther apart is not mixed in the same shares by two pictures

Positions = Float[np.ndarray, "n 2"]
Mask = Bool[np.ndarray, "n"]


class TrueFlow(NamedTuple):
    """The backward flow from a driving picture to a source picture, and what is known of each driving pixel.

    Sampling the source picture at `grid` gives the driving picture wherever `visibility` is 1, but for what sampling
    blurs: colours stay with surface points.
    """

    grid: Float[np.ndarray, "h w 2"]
    """float32: the (x, y) in the source of the surface point at the pixel's centre, in [-1, 1] with the ends at pixel
    centres. Where the point is hidden it lies behind what hides it, and it may lie outside the source."""
    visibility: Float[np.ndarray, "h w"]
    """float32, 1 or 0. It is 0 where the source does not show the point, and where the pixels about the point, here or
    there, hold something that moves otherwise."""
    shown: Bool[np.ndarray, "h w"]
    """Where the source shows the point itself, whatever lies about it."""
    head: Bool[np.ndarray, "h w"]
    """Where the driving picture shows the head, hair and ears included, neck and shoulders not."""


def true_flow(scene: Scene, source: HeadState, driving: HeadState, *, size: int) -> TrueFlow:
    """The flow from the `driving` to the `source` state, for pictures of `size` x `size`."""
    centres = pixel_centres(size).reshape(-1, 2)
    pixel = 2 / (size - 1)
    trace = _follow(scene, driving, source, centres)
    shown = trace.shown & np.all(np.abs(trace.there) <= 1, axis=1)
    visible = np.flatnonzero(shown)
    # A pixel is the mean over half a pixel to each side; bilinear sampling reads two pixels a side.
    for before, after, xy, reach in ((driving, source, centres, 0.5), (source, driving, trace.there, 1.5)):
        smooth = _is_smooth(scene, before, after, xy[visible], reach=reach * pixel, tolerance=APART * pixel)
        visible = visible[smooth]
    visibility = np.zeros(len(centres), np.float32)
    visibility[visible] = 1
    flat = (trace.there.astype(np.float32), visibility, shown, is_of_head(trace.layer))
    return TrueFlow(*(values.reshape(size, size, *values.shape[1:]) for values in flat))


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
    """Where the rim of a square about each position shows in both states, and goes where its centre goes.

    A point of the rim goes with the centre if both lie on one surface, which may stretch, or if their shifts differ by
    less than `tolerance`.
    """
    material = look(scene, before, xy)
    shift = place(scene, after, material)[:, :2] - xy
    rim = xy[:, None] + reach * AROUND  # [n 8 2]
    trace = _follow(scene, before, after, rim.reshape(-1, 2))
    shifts = trace.there.reshape(rim.shape) - rim
    together = np.abs(shifts - shift[:, None]).max(axis=2) < tolerance
    one_surface = trace.layer.reshape(-1, len(AROUND)) == material.layer[:, None]
    return np.all(trace.shown.reshape(-1, len(AROUND)) & (together | one_surface), axis=1)
