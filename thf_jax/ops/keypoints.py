"""Keypoints as the mean position of a heat-map, and heat-maps around keypoints."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.linalg2 import SMALLEST_EIGENVALUE, inverse
from thf_jax.ops.sampling import pixel_grid


def heatmaps_from_logits(
    logits: Float[Array, "*shape k"], *, temperature: float, floor: float = 0.0
) -> Float[Array, "*shape k"]:
    """Each channel as a distribution over all positions: softmax(logits / temperature), summing to 1.

    Args:
        floor: added to every pixel afterwards; the sum then exceeds 1 by as much.
    """
    flat = logits.reshape(-1, logits.shape[-1]) / temperature
    return jax.nn.softmax(flat, axis=0).reshape(logits.shape) + floor


def expected_position(heatmaps: Float[Array, "*shape k"]) -> Float[Array, "k d"]:
    """The mean position (x, y[, z]) under each heat-map, the soft-argmax; [-1, 1] spans the map's own pixels."""
    shape = heatmaps.shape[:-1]
    grid = pixel_grid(shape, heatmaps.dtype).reshape(-1, len(shape))
    # Accelerators round the factors of a plain einsum to 8 or 11 bits, which moves a keypoint by part of a pixel.
    flat = heatmaps.reshape(-1, heatmaps.shape[-1])
    return jnp.einsum("pk,pd->kd", flat, grid, precision=jax.lax.Precision.HIGHEST)


def expected_values(heatmaps: Float[Array, "*shape k"], maps: Float[Array, "*shape n"]) -> Float[Array, "k n//k"]:
    """The mean of maps under each heat-map; n is k groups of maps, the group varying slowest."""
    count = heatmaps.shape[-1]
    grouped = maps.reshape(-1, count, maps.shape[-1] // count)
    return jnp.einsum("pk,pkn->kn", heatmaps.reshape(-1, count), grouped, precision=jax.lax.Precision.HIGHEST)


def heatmap_covariance(heatmaps: Float[Array, "h w k"], position: Float[Array, "k 2"]) -> Float[Array, "k 2 2"]:
    """How far each heat-map spreads about its position: sum_z heat(z) (z - position) (z - position)^T."""
    offset = pixel_grid(heatmaps.shape[:-1], heatmaps.dtype).reshape(-1, 1, 2) - position
    flat = heatmaps.reshape(-1, heatmaps.shape[-1])
    return jnp.einsum("pk,pki,pkj->kij", flat, offset, offset, precision=jax.lax.Precision.HIGHEST)


def gaussian_heatmaps(
    position: Float[Array, "k d"],
    shape: tuple[int, ...],
    *,
    variance: float,
    covariance: Float[Array, "k 2 2"] | None = None,
) -> Float[Array, "*shape k"]:
    """exp(-|z - position|^2 / (2 variance)) for every pixel z of a map of this shape: peak 1, not normalised.

    Args:
        variance: in squared coordinate units; the published systems use 0.01, a standard deviation of a tenth of half
            the image.
        covariance: takes the place of the variance, one matrix a keypoint: exp(-(z - p)^T covariance^-1 (z - p) / 2).
            One without an entry of `SMALLEST_EIGENVALUE` gets that much of the unit matrix added.
    """
    offset = pixel_grid(shape, position.dtype)[..., None, :] - position
    if covariance is None:
        return jnp.exp(-0.5 * jnp.sum(offset**2, axis=-1) / variance)
    # Inverted at a size of 1: the guard of `inverse` is meant for a flat shape, not for a small one.
    size = jax.lax.stop_gradient(jnp.abs(covariance).max((-2, -1), keepdims=True))
    collapsed = jnp.where(size < SMALLEST_EIGENVALUE, SMALLEST_EIGENVALUE * jnp.eye(2, dtype=size.dtype), 0)
    covariance, size = covariance + collapsed, jnp.maximum(size, SMALLEST_EIGENVALUE)
    inverted, precise = inverse(covariance / size) / size, jax.lax.Precision.HIGHEST
    return jnp.exp(-0.5 * jnp.einsum("hwki,kij,hwkj->hwk", offset, inverted, offset, precision=precise))
