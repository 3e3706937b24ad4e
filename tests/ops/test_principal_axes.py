"""Principal axes against LAPACK's singular value decomposition, whose signs the published MRAA weights have learnt."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.ops.checks import all_ways, check_derivatives, numbers
from thf_jax.ops.linalg2 import SMALLEST_EIGENVALUE, principal_axes, product

axes_of = jax.jit(principal_axes)


def symmetric(a, b, d) -> np.ndarray:
    a, b, d = np.broadcast_arrays(a, b, d)
    return np.stack([np.stack([a, b], -1), np.stack([b, d], -1)], -2).astype(np.float32)


def random_covariances() -> np.ndarray:
    factor = 0.4 * np.random.default_rng(0).standard_normal((5000, 2, 2))
    product = factor @ factor.swapaxes(1, 2)
    return symmetric(product[:, 0, 0], product[:, 0, 1], product[:, 1, 1])


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, shape)


COVARIANCES = {
    "random": random_covariances(),
    "diagonal": symmetric(uniform(500), 0.0, uniform(500, seed=1)),
    "equal": symmetric(uniform(500), 0.0, uniform(500)),
    "nearly isotropic": symmetric(0.3, uniform(500, low=-1e-4, high=1e-4), 0.3 + uniform(500, high=1e-4, seed=1)),
    "thin": symmetric(uniform(500, low=0.1), uniform(500, low=-1e-3, high=1e-3), 1e-3),
}


def lapacks(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U and S, in float64."""
    directions, values, _ = np.linalg.svd(covariance.astype(np.float64))
    return directions, values


@pytest.mark.parametrize("kind", COVARIANCES)
def test_directions_and_their_signs_are_lapacks(kind):
    covariance = COVARIANCES[kind]
    found = np.asarray(axes_of(jnp.asarray(covariance)), np.float64)
    directions, values = lapacks(covariance)
    lengths = np.linalg.norm(found, axis=1)
    # float32 knows the direction of a matrix to its rounding, divided by how far the eigenvalues lie apart.
    blur = 4e-7 * (values[:, 0] + values[:, 1]) / np.maximum(values[:, 0] - values[:, 1], 1e-12)
    blur[(covariance[:, 0, 1] == 0)] = 1e-7
    difference = np.abs(found / lengths[:, None] - directions).max((1, 2))
    assert (difference <= np.minimum(blur, 0.1) + 1e-6).all()
    np.testing.assert_allclose(lengths**2, np.maximum(values, SMALLEST_EIGENVALUE), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", COVARIANCES)
def test_axes_make_up_the_covariance_again(kind):
    axes = axes_of(jnp.asarray(COVARIANCES[kind]))
    np.testing.assert_allclose(product(axes, axes.mT), COVARIANCES[kind], rtol=0, atol=2e-6)


def test_the_rule_of_signs():
    """[-e, n]; [e, -n] where b > 0 and the determinant exceeds a^2 + b^2; no negative entry where b = 0."""
    large, small = np.sqrt(0.5 + 0.3), np.sqrt(0.5 - 0.3)
    first, second = large * np.sqrt(0.5), small * np.sqrt(0.5)
    # e = (1, -1) / sqrt 2 and n = (1, 1) / sqrt 2; then e = (1, 1) / sqrt 2 and n = (-1, 1) / sqrt 2.
    falling = axes_of(jnp.asarray(symmetric(0.5, -0.3, 0.5)))
    np.testing.assert_allclose(falling, [[-first, second], [first, second]], atol=1e-6)
    rising = axes_of(jnp.asarray(symmetric(0.5, 0.3, 0.5)))
    np.testing.assert_allclose(rising, [[-first, -second], [-first, second]], atol=1e-6)
    upright = np.asarray(axes_of(jnp.asarray(symmetric(0.1, 0.1, 0.9))))
    assert 0.1 * 0.9 - 0.1**2 > 0.1**2 + 0.1**2
    assert (upright[:, 0] > 0).all() and upright[0, 1] > 0 > upright[1, 1]
    np.testing.assert_allclose(axes_of(jnp.asarray(symmetric(0.25, 0.0, 1.0))), [[0, 0.5], [1, 0]], atol=1e-7)
    np.testing.assert_allclose(axes_of(jnp.asarray(symmetric(1.0, 0.0, 0.25))), [[1, 0], [0, 0.5]], atol=1e-7)


def test_eager_compiled_and_batched_agree():
    all_ways(principal_axes, jnp.asarray(COVARIANCES["random"][:7]))


def test_derivatives_away_from_isotropy():
    factor = numbers(6, 2, 2, seed=3)
    stretched = product(factor, factor.mT) + jnp.array([[0.9, 0.2], [0.2, 0.1]])

    def axes(root):
        symmetric = (root + root.mT) / 2
        return principal_axes(symmetric)

    values = np.linalg.eigvalsh(np.asarray(stretched))
    # The slopes that fade near isotropy are a share 1e-8 / |difference|^2 too small, here out of sight.
    assert (values[:, 1] - values[:, 0] > 0.3).all()
    check_derivatives(axes, stretched)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-6, 0.1, 1.0])
def test_slopes_are_finite_where_every_direction_is_principal(scale):
    for shear in (0.0, 1e-9, -1e-9):
        covariance = jnp.asarray(symmetric(scale, shear, scale))
        for jacobian in (jax.jacfwd(principal_axes), jax.jacrev(principal_axes)):
            slopes = jax.jit(jacobian)(covariance)
            assert np.isfinite(slopes).all()
            # Directions: at most sqrt(scale) / SMALLEST_ANISOTROPY; lengths: at most 1 / (2 sqrt(SMALLEST_EIGENVALUE)).
            assert np.abs(slopes).max() <= 1.1e4


def test_no_lapack_call():
    text = jax.jit(principal_axes).lower(jax.ShapeDtypeStruct((2, 2), jnp.float32)).as_text()
    assert "atan2" in text and "custom_call" not in text
