"""Local affine motion around keypoints, composed into one flow (Siarohin et al. 2019, "First Order Motion Model")."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.linalg2 import inverse, product
from thf_jax.ops.sampling import pixel_grid


def relative_jacobian(
    source: Float[Array, "*b 2 2"] | None, driving: Float[Array, "*b 2 2"] | None
) -> Float[Array, "*b 2 2"] | None:
    """J_s J_d^-1 (equation 5 of the paper), the linear part of the motion; None, the identity, where either is None."""
    if source is None or driving is None:
        return None
    return product(source, inverse(driving))


def local_affine_flows(
    source_position: Float[Array, "k d"],
    driving_position: Float[Array, "k d"],
    jacobian: Float[Array, "k d d"] | None,
    shape: tuple[int, ...],
) -> Float[Array, "k+1 *shape d"]:
    """For every pixel z of the driving frame, where each motion finds it in the source frame.

    T_0(z) = z, the background, stands first; then T_k(z) = s_k + J_k (z - d_k) (equation 4 of the paper), with J_k the
    `relative_jacobian`, or the identity where it is None (the zeroth-order model).
    """
    grid = pixel_grid(shape, driving_position.dtype)
    everywhere = (slice(None), *(None for _ in shape))
    offset = grid - driving_position[everywhere]
    if jacobian is not None:
        offset = jnp.einsum("kij,k...j->k...i", jacobian, offset, precision=jax.lax.Precision.HIGHEST)
    return jnp.concatenate([grid[None], offset + source_position[everywhere]])


def blend_flows(flows: Float[Array, "n *shape d"], masks: Float[Array, "*shape n"]) -> Float[Array, "*shape d"]:
    """The mean of the flows under masks that sum to 1 at every pixel: T(z) = sum_k M_k(z) T_k(z) (equation 7)."""
    # Accelerators round the factors of a plain einsum to 8 or 11 bits, which moves a position by part of a pixel.
    return jnp.einsum("...n,n...c->...c", masks, flows, precision=jax.lax.Precision.HIGHEST)
