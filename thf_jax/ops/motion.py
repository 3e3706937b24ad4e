"""Local affine motion around keypoints, composed into one flow (Siarohin et al. 2019, "First Order Motion Model")."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.linalg2 import inverse, product
from thf_jax.ops.sampling import pixel_grid

SMALLEST_DEPTH = 1e-3
"""The third coordinate of a projected background is kept this far from 0, where it would send pixels to infinity."""


def relative_jacobian(
    source: Float[Array, "*b 2 2"] | None, driving: Float[Array, "*b 2 2"] | None
) -> Float[Array, "*b 2 2"] | None:
    """J_s J_d^-1 (equation 5 of the paper), the linear part of the motion; None, the identity, where either is None."""
    if source is None or driving is None:
        return None
    return product(source, inverse(driving))


def unswapped(matrix: Float[Array, "*b 2 2"]) -> Float[Array, "*b 2 2"]:
    """Each matrix times the sign of its first entry.

    Principal axes are known up to their sign alone; of the two motions between two pairs of axes this is the one that
    does not turn x around (MRAA; 0 counts as positive).
    """
    return matrix * jnp.where(matrix[..., :1, :1] < 0, -1, 1).astype(matrix.dtype)


def projective_flow(matrix: Float[Array, "3 3"], shape: tuple[int, int]) -> Float[Array, "h w 2"]:
    """Where the background of every pixel z of the driving frame lies in the source (MRAA, section 3.3).

    matrix (z, 1), divided by its third coordinate.
    """
    grid = pixel_grid(shape, matrix.dtype)
    precise = jax.lax.Precision.HIGHEST
    moved = jnp.einsum("ij,hwj->hwi", matrix[:, :2], grid, precision=precise) + matrix[:, 2]
    depth = moved[..., 2:]
    near = jnp.where(depth < 0, -SMALLEST_DEPTH, SMALLEST_DEPTH).astype(depth.dtype)
    return moved[..., :2] / jnp.where(jnp.abs(depth) < SMALLEST_DEPTH, near, depth)


def local_affine_flows(
    source_position: Float[Array, "k d"],
    driving_position: Float[Array, "k d"],
    jacobian: Float[Array, "k d d"] | None,
    shape: tuple[int, ...],
    *,
    background: Float[Array, "3 3"] | None = None,
) -> Float[Array, "k+1 *shape d"]:
    """For every pixel z of the driving frame, where each motion finds it in the source frame.

    T_0, the background's, stands first: `projective_flow`, or T_0(z) = z where it is None. Then come T_k(z) =
    s_k + J_k (z - d_k) (equation 4 of the paper), with J_k the `relative_jacobian`, or the identity where it is None
    (the zeroth-order model). A background that moves is known in 2-D alone.
    """
    grid = pixel_grid(shape, driving_position.dtype)
    everywhere = (slice(None), *(None for _ in shape))
    offset = grid - driving_position[everywhere]
    if jacobian is not None:
        offset = jnp.einsum("kij,k...j->k...i", jacobian, offset, precision=jax.lax.Precision.HIGHEST)
    behind = grid if background is None else projective_flow(background, (shape[0], shape[1]))
    return jnp.concatenate([behind[None], offset + source_position[everywhere]])


def blend_flows(flows: Float[Array, "n *shape d"], masks: Float[Array, "*shape n"]) -> Float[Array, "*shape d"]:
    """The mean of the flows under masks that sum to 1 at every pixel: T(z) = sum_k M_k(z) T_k(z) (equation 7)."""
    # Accelerators round the factors of a plain einsum to 8 or 11 bits, which moves a position by part of a pixel.
    return jnp.einsum("...n,n...c->...c", masks, flows, precision=jax.lax.Precision.HIGHEST)
