"""Convolution, pooling and enlarging as functions of arrays.

They act on maps [b h w c] and on volumes [b z h w c] alike: a kernel is as wide along z as along h and w, but pooling
and enlarging leave z as it is.
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.errors import InputError

SMALL_MAP = 16
"""Pixels up to which a convolution is computed as one matrix product, which on a CPU is up to twenty times faster."""
DOUBLED_MAP = 256
"""Pixels of a batch from which on the four small kernels of `convolve_doubled` save more than it takes to make them."""


def convolve(
    x: Float[Array, "b *space c"], kernel: Float[Array, "*window c features"], *, padding: int = 0, stride: int = 1
) -> Float[Array, "b *small features"]:
    """The cross-correlation that deep learning calls convolution, with `padding` zeros on each side of every axis.

    Args:
        stride: every so many-th position along each axis is computed, the first one included.

    Raises:
        InputError: nothing would be left of the map.
    """
    kernel = kernel.astype(x.dtype)
    space, window = x.shape[1:-1], kernel.shape[:-2]
    shape = tuple((size + 2 * padding - span) // stride + 1 for size, span in zip(space, window, strict=True))
    if min(shape) < 1:
        raise InputError(
            f"a map of {_times(space)} is too small for a {_times(window)} convolution with a padding of {padding}; "
            "take a larger image or scale, more padding or a smaller depth"
        )
    if math.prod(shape[-2:]) <= SMALL_MAP:
        x = jnp.pad(x, ((0, 0), *((padding, padding) for _ in space), (0, 0)))
        taps = [
            x[:, *(slice(i, i + stride * (n - 1) + 1, stride) for i, n in zip(start, shape, strict=True))]
            for start in itertools.product(*map(range, window))
        ]
        return jnp.concatenate(taps, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])
    whole = functools.partial(_convolve_whole, padding=padding, stride=stride)
    if len(space) < 3:
        return whole(x, kernel)
    by_slices = functools.partial(_convolve_by_slices, depth=shape[0], padding=padding, stride=stride)
    return jax.lax.platform_dependent(x, kernel, cpu=by_slices, default=whole)


def _convolve_whole(x: Array, kernel: Array, *, padding: int, stride: int) -> Array:
    axes = "DHW"[-(x.ndim - 2) :]
    layouts = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    sides, steps = [(padding, padding)] * len(axes), (stride,) * len(axes)
    return jax.lax.conv_general_dilated(x, kernel, steps, sides, dimension_numbers=layouts)


def _convolve_by_slices(x: Array, kernel: Array, *, depth: int, padding: int, stride: int) -> Array:
    """In 3-D the sum of a convolution in 2-D for each slice of the kernel: up to ten times faster on a CPU."""
    padded = jnp.pad(x, ((0, 0), (padding, padding), (0, 0), (0, 0), (0, 0)))

    def one(start: int) -> Array:
        slices = padded[:, start : start + stride * (depth - 1) + 1 : stride]
        return _convolve_whole(slices.reshape(-1, *x.shape[2:]), kernel[start], padding=padding, stride=stride)

    total = functools.reduce(jnp.add, map(one, range(kernel.shape[0])))
    return total.reshape(x.shape[0], depth, *total.shape[1:])


def _times(sides: tuple[int, ...]) -> str:
    return " x ".join(map(str, sides))


def convolve_doubled(
    x: Float[Array, "b *z h w c"], kernel: Float[Array, "*d 3 3 c features"]
) -> Float[Array, "b *z 2*h 2*w features"]:
    """`convolve(double(x), kernel, padding=1)` at 4/9 of its work.

    Each of the four pixels that come from one pixel sees only a 2 x 2 square of x, through sums of the kernel's
    entries. One convolution computes all four; they are then laid out side by side. The sums are computed at every
    call, so that for maps of fewer than `DOUBLED_MAP` pixels the map is doubled for real.
    """
    # A batch that is a symbol, as exported programs have it, counts as one of 1.
    if math.prod(size for size in x.shape[:-1] if isinstance(size, int)) < DOUBLED_MAP:
        return convolve(double(x), kernel, padding=1)
    first, middle, last = jnp.moveaxis(kernel, -4, 0)
    by_row = [jnp.stack([first, middle + last], -4), jnp.stack([first + middle, last], -4)]
    phases = []
    for rows in by_row:
        left, centre, right = jnp.moveaxis(rows, -3, 0)
        phases += [jnp.stack([left, centre + right], -3), jnp.stack([left + centre, right], -3)]
    together = convolve(x, jnp.concatenate(phases, axis=-1), padding=1)
    *outer, h, w, _ = x.shape
    corners = together.reshape(*outer, h + 1, w + 1, 2, 2, -1)
    lines = [
        jnp.stack([corners[..., row : h + row, column : w + column, row, column, :] for column in (0, 1)], axis=-2)
        for row in (0, 1)
    ]
    return jnp.stack(lines, axis=-4).reshape(*outer, 2 * h, 2 * w, -1)


def average_pool(x: Float[Array, "*b h w c"]) -> Float[Array, "*b h//2 w//2 c"]:
    """The mean over each 2 x 2 square; an odd last row or column is dropped."""
    *outer, h, w, c = x.shape
    return x[..., : h // 2 * 2, : w // 2 * 2, :].reshape(*outer, h // 2, 2, w // 2, 2, c).mean((-4, -2))


def double(x: Float[Array, "*b h w c"]) -> Float[Array, "*b 2*h 2*w c"]:
    """Every pixel repeated as a 2 x 2 square (nearest-neighbour enlargement)."""
    return jnp.repeat(jnp.repeat(x, 2, axis=-3), 2, axis=-2)
