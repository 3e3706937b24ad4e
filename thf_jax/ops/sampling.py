"""Grids and bilinear sampling, in two and in three dimensions.

A coordinate is (x, y) or (x, y, z) in [-1, 1], where -1 and 1 are the *centres* of the first and last pixel. A flow is a grid of
absolute positions: for each output pixel, where in the input to look. `align_corners=False` reads the same numbers the other way
that PyTorch knows, with -1 and 1 at the pixels' outer *edges*; some published weights were trained under that reading.
"""

import itertools
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

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


def _reflect(position: Array, size: int, align_corners: bool) -> Array:
    """Positions folded back into the image: about the pixel centres of the border, or about its outer edges."""
    if size == 1:
        return jnp.zeros_like(position)
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    distance = jnp.mod(jnp.abs(position - low), 2 * span)
    return jnp.clip(jnp.minimum(distance, 2 * span - distance) + low, 0, size - 1)


def sample(
    image: Float[Array, "*shape c"],
    grid: Float[Array, "*out d"],
    *,
    padding: Padding = "zeros",
    align_corners: bool = True,
) -> Float[Array, "*out c"]:
    """The image read at each position of the grid, linearly interpolated between its 4 (in 3-D: 8) neighbours.

    The neighbours are floor and floor + 1, so the slope in the position is that of the cell to the right even on a pixel centre.

    Args:
        image: [h w c], or [z h w c].
        grid: [... 2] positions (x, y), or [... 3] positions (x, y, z).
        padding: what lies outside: `zeros` (a neighbour outside counts as 0), `edge` (the nearest pixel) or `reflection`.
        align_corners: whether -1 and 1 are pixel centres (True) or outer edges (False) of the border pixels.

    Raises:
        ValueError: the grid's last axis does not have one number for each axis of the image.
    """
    sizes = image.shape[:-1]
    if grid.shape[-1] != len(sizes):
        raise ValueError(f"a grid over an image of shape {image.shape} needs {len(sizes)} coordinates, not {grid.shape[-1]}")
    lower, upper_weight = [], []
    for axis, size in enumerate(sizes):
        position = _to_pixels(grid[..., len(sizes) - 1 - axis], size, align_corners)
        if padding == "edge":
            position = jnp.clip(position, 0, size - 1)
        elif padding == "reflection":
            position = _reflect(position, size, align_corners)
        floor = jnp.floor(position)
        upper_weight.append(position - floor)
        lower.append(jnp.clip(floor, -2, size).astype(jnp.int32))  # farther out changes nothing and could overflow
    flat = image.reshape(-1, image.shape[-1])
    result = jnp.zeros((*grid.shape[:-1], image.shape[-1]), jnp.result_type(image, grid))
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        index = jnp.zeros(grid.shape[:-1], jnp.int32)
        weight = jnp.ones(grid.shape[:-1], grid.dtype)
        for step, low, part, size in zip(corner, lower, upper_weight, sizes, strict=True):
            tap = low + step
            inside = (tap >= 0) & (tap < size)
            index = index * size + jnp.clip(tap, 0, size - 1)
            weight = weight * jnp.where(inside, part if step else 1 - part, 0)
        result = result + flat.at[index].get(mode="promise_in_bounds") * weight[..., None]
    return result


def resize_map(values: Float[Array, "*shape c"], shape: tuple[int, ...]) -> Float[Array, "*out c"]:
    """A map (visibility, flow) linearly interpolated to another shape, half-pixel centres, the edge repeated outside.

    A flow is resized as the absolute positions that it holds, as the published systems do: the borders of an enlarged identity
    flow are therefore clamped to the outermost coarse positions. The map itself is returned where the shape is right already.
    """
    if values.shape[:-1] == tuple(shape):
        return values
    return jax.image.resize(values, (*shape, values.shape[-1]), "linear", antialias=False)
