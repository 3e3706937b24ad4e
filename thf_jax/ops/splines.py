"""A random smooth deformation of the plane: an affine map plus a radial spline, for the equivariance losses.

The spline differs from the textbook thin plate in two ways, which the published weights were trained with: distances
are |dx| + |dy|, and one scalar displacement is added to x and y alike.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from thf_jax.ops.sampling import pixel_grid, sample


class Deformation(NamedTuple):
    """T(p) = affine p + shift + sum_k weight_k d_k^2 ln(d_k + 1e-6), with d_k the L1 distance to control point k."""

    affine: Float[Array, "2 3"]
    weights: Float[Array, " n"]
    """One a control point; the control points are a square grid over [-1, 1], row by row."""


def random_deformation(
    key: PRNGKeyArray, *, sigma_affine: float = 0.05, sigma_spline: float = 0.005, points: int = 5
) -> Deformation:
    """The identity plus normal noise: `sigma_affine` on the 6 affine numbers, `sigma_spline` on points^2 weights."""
    affine_key, spline_key = jax.random.split(key)
    identity = jnp.eye(2, 3)
    return Deformation(
        affine=identity + sigma_affine * jax.random.normal(affine_key, (2, 3)),
        weights=sigma_spline * jax.random.normal(spline_key, (points**2,)),
    )


def deform_points(deformation: Deformation, points: Float[Array, "*b 2"]) -> Float[Array, "*b 2"]:
    """T(p) for every point."""
    side = round(deformation.weights.shape[0] ** 0.5)
    control = pixel_grid((side, side), points.dtype).reshape(-1, 2)
    distance = jnp.abs(points[..., None, :] - control).sum(axis=-1)
    # Full precision: accelerators round the factors of `@` to 8 or 11 bits, and these are positions.
    highest = jax.lax.Precision.HIGHEST
    displacement = jnp.matmul(distance**2 * jnp.log(distance + 1e-6), deformation.weights, precision=highest)
    moved = jnp.matmul(points, deformation.affine[:, :2].T, precision=highest) + deformation.affine[:, 2]
    return moved + displacement[..., None]


def deformation_jacobian(deformation: Deformation, points: Float[Array, "k 2"]) -> Float[Array, "k 2 2"]:
    """dT/dp at every point; rows are outputs (T_x, T_y), columns inputs (x, y)."""
    return jax.vmap(jax.jacfwd(lambda point: deform_points(deformation, point)))(points)


def deform_image(
    deformation: Deformation, image: Float[Array, "h w c"], *, align_corners: bool = True
) -> Float[Array, "h w c"]:
    """The image read at T(z) for every pixel z, reflected at its border; what lies at p' in it lay at T(p') before."""
    positions = deform_points(deformation, pixel_grid(image.shape[:2], image.dtype))
    return sample(image, positions, padding="reflection", align_corners=align_corners)
