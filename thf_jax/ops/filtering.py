"""Down-sampling without aliasing, and the image pyramid of the perceptual loss."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thf_jax.errors import InputError


def antialias_kernel(scale: float, *, sigma: float | None = None) -> np.ndarray:
    """One side of the separable Gaussian that precedes down-sampling by `scale`: [2 round(4 sigma) + 1] weights, sum 1.

    Args:
        scale: 1 / n for a whole number n; 1 gives the single weight 1.
        sigma: in pixels of the large image; (1 / scale - 1) / 2 where not given.

    Raises:
        InputError: the scale is not one over a whole number.
    """
    step = _step(scale)
    if step == 1:
        return np.ones(1, np.float32)
    width = (step - 1) / 2 if sigma is None else sigma
    reach = round(4 * width)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * width**2))
    return (weights / weights.sum()).astype(np.float32)


def _step(scale: float) -> int:
    step = round(1 / scale) if 0 < scale <= 1 else 0
    if not math.isclose(step * scale, 1, rel_tol=1e-6):
        raise InputError(f"the scale of a down-sampling is 1, 1/2, 1/3, ..., not {scale}")
    return step


def downsample(image: Float[Array, "h w c"], scale: float, *, sigma: float | None = None) -> Float[Array, "y x c"]:
    """The image blurred by `antialias_kernel`, zeros outside, then every (1 / scale)-th pixel, the first one included.

    The kernel is applied as two passes, and only at the rows and columns that are kept.
    """
    kernel = antialias_kernel(scale, sigma=sigma)
    step = round(1 / scale)
    if step == 1:
        return image
    reach = len(kernel) // 2

    def pass_along(values: Array, axis: int) -> Array:
        size = values.shape[axis]
        kept = np.arange(0, size, step)
        # A band matrix: one small product is faster than a convolution of a few channels, on accelerators too.
        offsets = np.arange(size)[None, :] - kept[:, None] + reach
        inside = (offsets >= 0) & (offsets < len(kernel))
        band = jnp.asarray(np.where(inside, kernel[np.clip(offsets, 0, len(kernel) - 1)], 0), values.dtype)
        precise = jax.lax.Precision.HIGHEST  # or accelerators round pixels and weights, and pictures darken
        return jnp.moveaxis(jnp.tensordot(band, values, (1, axis), precision=precise), 0, axis)

    return pass_along(pass_along(image, 0), 1)


def shrink(image: Float[Array, "h w c"], scale: float, *, antialias: bool = True) -> Float[Array, "y x c"]:
    """`downsample`, or without `antialias` every (1 / scale)-th pixel as it is, the first one included.

    Raises:
        InputError: the scale is not one over a whole number.
    """
    step = _step(scale)
    return downsample(image, scale) if antialias else image[::step, ::step]


def pyramid(image: Float[Array, "h w c"], scales: Sequence[float]) -> list[Float[Array, "_h _w c"]]:
    """The image at each scale, each computed from the full image."""
    return [downsample(image, scale) for scale in scales]


def _area_weights(size: int, target: int) -> np.ndarray:
    """[target size]: the share of each source pixel in each target pixel's area; linear interpolation to enlarge."""
    if target >= size:
        centres = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
        return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(size)[None, :])).astype(np.float32)
    edges = np.arange(target + 1) * size / target
    low = np.maximum(edges[:-1, None], np.arange(size)[None, :])
    high = np.minimum(edges[1:, None], np.arange(1, size + 1)[None, :])
    return (np.maximum(0, high - low) * target / size).astype(np.float32)


def area_resize(image: Float[Array, "*b h w c"], shape: tuple[int, int]) -> Float[Array, "*b y x c"]:
    """Images of another shape: the mean over each new pixel's area when shrinking, linear interpolation when enlarging.

    An image that has the shape already comes back untouched.
    """
    for axes, size, target in zip(("yh,...hwc->...ywc", "xw,...hwc->...hxc"), image.shape[-3:-1], shape, strict=True):
        if size != target:
            weights = jnp.asarray(_area_weights(size, target), image.dtype)
            image = jnp.einsum(axes, weights, image, precision=jax.lax.Precision.HIGHEST)
    return image
