"""Closed-form linear algebra on 2 x 2 matrices: no LAPACK call inside a model."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST_DETERMINANT = 1e-8
SMALLEST_EIGENVALUE = 1e-8
SMALLEST_ANISOTROPY = 1e-4
"""Below it the slopes of the principal directions fade, which would grow beyond all bounds where all are alike."""


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
    counts as positive), so that a collapsed Jacobian gives a finite matrix and finite gradients, never NaN. Of 0 the
    result is 0.
    """
    (a, b), (c, d) = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    exact = determinant(matrix)
    bound = jnp.where(exact < 0, -SMALLEST_DETERMINANT, SMALLEST_DETERMINANT).astype(matrix.dtype)
    guarded = jnp.where(jnp.abs(exact) < SMALLEST_DETERMINANT, bound, exact)
    adjugate = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
    return adjugate / guarded[..., None, None]


@jax.custom_jvp
def _direction(twice_cosine: Array, twice_sine: Array) -> Array:
    """The angle in [-pi / 2, pi / 2] whose double has this cosine and sine, up to a common factor."""
    return 0.5 * jnp.arctan2(twice_sine, twice_cosine)


@_direction.defjvp
def _direction_slope(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (dx, dy) = primals, tangents
    return _direction(x, y), 0.5 * (x * dy - y * dx) / (x**2 + y**2 + SMALLEST_ANISOTROPY**2)


def principal_axes(covariance: Float[Array, "*b 2 2"]) -> Float[Array, "*b 2 2"]:
    """A = U diag(sqrt(S)) of covariance = U S U^T: the columns are the principal axes, the longer one first.

    MRAA (Siarohin et al. 2021, section 3.2) takes it from a singular value decomposition, and its published weights
    have learnt the signs of LAPACK's: with e the unit vector along the longer axis whose x is not negative, and n the
    one at right angles to it, U is [-e, n]; it is [e, -n] where b > 0 and a d - b^2 > a^2 + b^2, for the covariance
    [[a, b], [b, d]]; and where b = 0, no entry is negative.

    An eigenvalue below `SMALLEST_EIGENVALUE` counts as that. Where both are nearly equal every direction is principal;
    the gradient then fades, see `SMALLEST_ANISOTROPY`.
    """
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    angle = _direction(a - d, 2 * b)
    x, y = jnp.cos(angle), jnp.sin(angle)
    sign = jnp.where((b > 0) & (a * d - b**2 > a**2 + b**2), 1, -1).astype(covariance.dtype)
    turned = sign[..., None, None] * jnp.stack([jnp.stack([x, y], -1), jnp.stack([y, -x], -1)], -2)
    directions = jnp.where((b == 0)[..., None, None], jnp.abs(turned), turned)
    mean = (a + d) / 2
    # At equal eigenvalues the root has no slope; the inner `where` keeps its NaN out of the gradient.
    square = ((a - d) / 2) ** 2 + b**2
    spread = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    values = jnp.maximum(jnp.stack([mean + spread, mean - spread], -1), SMALLEST_EIGENVALUE)
    return directions * jnp.sqrt(values)[..., None, :]


def smallest_singular_value(matrix: Float[Array, "*b 2 2"]) -> Float[Array, "*b"]:
    """The smaller singular value of each matrix, sqrt((S1 - S2) / 2), at least `SMALLEST_EIGENVALUE`.

    With S1 the sum of all squared entries, and S2 the root of the squared difference of the rows' sums of squares plus
    4 times the squared product of the rows.
    """
    # Of the matrix brought to a largest entry of 1, since a small one's squared squares would vanish. The value grows
    # with the matrix, so that its slope does not depend on the unit.
    unit = jax.lax.stop_gradient(jnp.maximum(jnp.abs(matrix).max((-2, -1)), SMALLEST_EIGENVALUE))
    matrix = matrix / unit[..., None, None]
    (a, b), (c, d) = jnp.moveaxis(matrix, (-2, -1), (0, 1))
    total = a**2 + b**2 + c**2 + d**2
    # Written with the determinant: the published form, a difference of nearly equal numbers, loses half of the digits.
    square = (a**2 + b**2 - c**2 - d**2) ** 2 + 4 * (a * c + b * d) ** 2
    larger = (total + jnp.sqrt(jnp.maximum(square, SMALLEST_DETERMINANT**2))) / 2
    smaller = jnp.square(determinant(matrix)) / jnp.maximum(larger, SMALLEST_EIGENVALUE)
    return jnp.maximum(unit * jnp.sqrt(jnp.maximum(smaller, SMALLEST_EIGENVALUE**2)), SMALLEST_EIGENVALUE)


def nearest_covariance(matrix: Float[Array, "*b 2 2"], *, smallest: float = 1e-6) -> Float[Array, "*b 2 2"]:
    """The symmetric part of each matrix, its eigenvalues raised to `smallest` where they are not positive."""
    symmetric = (matrix + matrix.mT) / 2
    mean = (symmetric[..., 0, 0] + symmetric[..., 1, 1]) / 2
    half, across = (symmetric[..., 0, 0] - symmetric[..., 1, 1]) / 2, symmetric[..., 0, 1]
    spread = jnp.sqrt(jnp.maximum(half**2 + across**2, SMALLEST_EIGENVALUE**2))
    large, small = (jnp.where(value > 0, value, smallest) for value in (mean + spread, mean - spread))
    # Both eigenvalues change, the eigenvectors stay: the deviation from the mean is scaled, the mean replaced.
    deviation = symmetric - mean[..., None, None] * jnp.eye(2, dtype=matrix.dtype)
    scaled = ((large - small) / (2 * spread))[..., None, None] * deviation
    return scaled + ((large + small) / 2)[..., None, None] * jnp.eye(2, dtype=matrix.dtype)
