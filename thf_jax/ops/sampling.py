"""Grids and bilinear sampling, in two and in three dimensions.

A coordinate is (x, y) or (x, y, z) in [-1, 1], where -1 and 1 are the *centres* of the first and last pixel. A flow is
a grid of absolute positions: for each output pixel, where in the input to look. `align_corners=False` reads the same
numbers the other way that PyTorch knows, with -1 and 1 at the pixels' outer *edges*; some published weights were
trained under that reading.
"""

import itertools
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.errors import InputError

Padding = Literal["zeros", "edge", "reflection"]


def pixel_grid(shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Float[Array, "*shape d"]:
    """The coordinates of every pixel centre of a map of this shape: (h, w) -> [h w 2], (z, h, w) -> [z h w 3].

    The last axis is ordered (x, y[, z]), the reverse of the array's axes. An axis of one pixel lies at -1.
    """
    axes = [jnp.linspace(-1.0, 1.0, size, dtype=dtype) for size in shape]
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij")[::-1], axis=-1)


def _to_pixels(coordinate: Array, size: int, align_corners: bool) -> Array:
    unit = (coordinate + 1) / 2
    return unit * (size - 1) if align_corners else unit * size - 0.5


def _reflect(tap: Array, size: int, align_corners: bool) -> Array:
    """Indices folded back into the image: about the pixel centres of the border, or about its outer edges."""
    if size == 1:
        return jnp.zeros_like(tap)
    seam = 0 if align_corners else 1
    period = 2 * (size - 1 + seam)
    tap = jnp.mod(tap, period)
    return jnp.minimum(tap, period - seam - tap)


def _neighbours(position: Array, size: int, padding: Padding, align_corners: bool) -> list[tuple[Array, Array]]:
    """The two pixels between which each position lies, floor and floor + 1, and the share of each.

    Outside the image the neighbours are moved, never the position: the slope then stays right at the border as well.
    """
    if padding == "edge":
        position = jnp.clip(position, -1, size)  # farther out nothing changes; infinity would give NaN
    floor = jnp.floor(position)
    part = position - floor
    found = []
    for tap, share in ((floor, 1 - part), (floor + 1, part)):
        if padding == "reflection":
            tap = _reflect(tap, size, align_corners)
        elif padding == "zeros":
            share = jnp.where((tap < 0) | (tap >= size), 0, share)
        # NaN becomes index 0, so that every index is in bounds; the share keeps it.
        index = jnp.where(tap > 0, jnp.minimum(tap, size - 1), 0)
        found.append((index.astype(jnp.int32), share))
    return found


def sample(
    image: Float[Array, "*shape c"],
    grid: Float[Array, "*out d"],
    *,
    padding: Padding = "zeros",
    align_corners: bool = True,
) -> Float[Array, "*out c"]:
    """The image read at each position of the grid, linearly interpolated between its 4 (in 3-D: 8) neighbours.

    The neighbours are floor and floor + 1, so the slope in the position is that of the cell to the right even on a
    pixel centre. The interpolation, and the sums in its gradient, are computed in the grid's type; the result has the
    image's, which may be bfloat16.

    Args:
        image: [h w c], or [z h w c].
        grid: [... 2] positions (x, y), or [... 3] positions (x, y, z).
        padding: what lies outside: `zeros` (a neighbour there counts as 0), `edge` (the nearest pixel) or `reflection`.
        align_corners: whether -1 and 1 are pixel centres (True) or outer edges (False) of the border pixels.

    Raises:
        ValueError: the grid's last axis does not have one number for each axis of the image.
    """
    sizes = image.shape[:-1]
    if grid.shape[-1] != len(sizes):
        raise ValueError(
            f"a grid over an image of shape {image.shape} needs {len(sizes)} coordinates, not {grid.shape[-1]}"
        )
    neighbours = []
    for axis, size in enumerate(sizes):
        position = _to_pixels(grid[..., len(sizes) - 1 - axis], size, align_corners)
        neighbours.append(_neighbours(position, size, padding, align_corners))
    flat = jnp.reshape(image, (-1, image.shape[-1])).astype(grid.dtype)
    result = jnp.zeros((*grid.shape[:-1], image.shape[-1]), grid.dtype)
    for corner in itertools.product(*neighbours):
        index = jnp.zeros(grid.shape[:-1], jnp.int32)
        weight = jnp.ones(grid.shape[:-1], grid.dtype)
        for (pixel, share), size in zip(corner, sizes, strict=True):
            index = index * size + pixel
            weight = weight * share
        result = result + flat.at[index].get(mode="promise_in_bounds") * weight[..., None]
    return result.astype(image.dtype)


def resize_map(
    values: Float[Array, "*shape c"], shape: tuple[int, ...], *, method: Literal["linear", "nearest"] = "linear"
) -> Float[Array, "*out c"]:
    """A map (visibility, flow) linearly interpolated to another shape, half-pixel centres, the edge repeated outside.

    With `nearest` pixel i of n becomes pixel floor(i size / n), as PyTorch has it.

    A flow is resized as the absolute positions that it holds, as the published systems do: the borders of an enlarged
    identity flow are therefore clamped to the outermost coarse positions. The map itself is returned where the shape is
    right already.

    Raises:
        InputError: no such method.
    """
    if method not in ("linear", "nearest"):
        raise InputError(f"a map is resized by 'linear' or 'nearest', not by {method!r}")
    if values.shape[:-1] == tuple(shape):
        return values
    if method == "nearest":
        for axis, (size, target) in enumerate(zip(values.shape[:-1], shape, strict=True)):
            values = jnp.take(values, jnp.arange(target) * size // target, axis=axis)
        return values
    return jax.image.resize(values, (*shape, values.shape[-1]), "linear", antialias=False)
