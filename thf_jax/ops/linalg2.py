"""Closed-form linear algebra on 2 x 2 matrices: no LAPACK call inside a model."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST_DETERMINANT = 1e-8


def determinant(matrix: Float[Array, "*b 2 2"]) -> Float[Array, "*b"]:
    """The determinant of each matrix."""
    return matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]


def product(first: Float[Array, "*#b 2 2"], second: Float[Array, "*#b 2 2"]) -> Float[Array, "*#b 2 2"]:
    """The product of each pair, at full precision: accelerators round the factors of `@` to 8 or 11 bits.

    Leading axes broadcast.
    """
    return jnp.matmul(first, second, precision=jax.lax.Precision.HIGHEST)


def inverse(matrix: Float[Array, "*b 2 2"]) -> Float[Array, "*b 2 2"]:
    """The inverse of each matrix by its adjugate.

    A determinant smaller in magnitude than `SMALLEST_DETERMINANT` is replaced by that bound with the same sign (0
    counts as positive), so that a collapsed Jacobian gives a large finite matrix and finite gradients, never NaN.
    """
    (a, b), (c, d) = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    exact = determinant(matrix)
    bound = jnp.where(exact < 0, -SMALLEST_DETERMINANT, SMALLEST_DETERMINANT).astype(matrix.dtype)
    guarded = jnp.where(jnp.abs(exact) < SMALLEST_DETERMINANT, bound, exact)
    adjugate = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
    return adjugate / guarded[..., None, None]
