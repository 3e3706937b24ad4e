"""2 x 2 matrices against LAPACK's, and what happens to those that have no inverse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.ops.linalg2 import (
    SMALLEST_DETERMINANT,
    SMALLEST_EIGENVALUE,
    determinant,
    inverse,
    nearest_covariance,
    product,
    smallest_singular_value,
)

invert = jax.jit(inverse)
SINGULAR = {
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "one row": [[1.0, 2.0], [0.0, 0.0]],
    "parallel rows": [[1.0, 2.0], [2.0, 4.0]],
    "almost": [[1.0, 1.0], [1.0, 1.0 + 2**-23]],
    "tiny": [[1e-20, 0.0], [0.0, 1e-20]],
}


def test_determinant_is_numpys():
    matrices = numbers(3, 4, 2, 2)
    close(all_ways(determinant, matrices), np.linalg.det(np.asarray(matrices, np.float64)).astype(np.float32))


def test_inverse_is_numpys():
    matrices = numbers(3, 4, 2, 2) + 2 * jnp.eye(2)
    close(all_ways(inverse, matrices), np.linalg.inv(np.asarray(matrices, np.float64)).astype(np.float32), 1e-5)


def test_product_is_numpys_and_its_leading_axes_broadcast():
    first, second = numbers(3, 4, 2, 2), numbers(4, 2, 2, seed=1)
    close(product(first, second), np.asarray(first) @ np.asarray(second))
    close(all_ways(product, first[1], second), np.asarray(first[1]) @ np.asarray(second))


@settings(max_examples=60)
@given(st.lists(st.floats(-10, 10, width=32), min_size=4, max_size=4))
def test_a_matrix_times_its_inverse_is_the_identity(entries):
    matrix = np.array(entries, np.float32).reshape(2, 2)
    singular_values = np.linalg.svd(matrix.astype(np.float64))[1]
    assume(singular_values[1] > 1e-2)
    together = matrix.astype(np.float64) @ np.asarray(invert(jnp.asarray(matrix)), np.float64)
    condition = singular_values[0] / singular_values[1]
    np.testing.assert_allclose(together, np.eye(2), atol=1e-6 * condition**2)


@pytest.mark.parametrize("name", SINGULAR)
def test_a_collapsed_matrix_gives_finite_numbers_and_slopes(name):
    matrix = jnp.array(SINGULAR[name])
    assert np.isfinite(invert(matrix)).all()
    for jacobian in (jax.jacfwd, jax.jacrev):
        assert np.isfinite(jacobian(invert)(matrix)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_below_the_bound_the_determinant_keeps_its_sign_alone(sign):
    matrix = jnp.array([[1e-5, 0.0], [0.0, sign * 1e-5]])
    expected = np.array([[sign * 1e-5, 0], [0, 1e-5]]) / (sign * SMALLEST_DETERMINANT)
    np.testing.assert_allclose(invert(matrix), expected, rtol=1e-5)


def test_a_determinant_of_zero_counts_as_positive():
    expected = np.array([[4, -2], [-2, 1]]) / SMALLEST_DETERMINANT
    np.testing.assert_allclose(invert(jnp.array([[1.0, 2.0], [2.0, 4.0]])), expected, rtol=1e-6)


def test_derivatives():
    check_derivatives(determinant, numbers(3, 2, 2))
    check_derivatives(inverse, numbers(3, 2, 2) + 2 * jnp.eye(2))
    check_derivatives(product, numbers(3, 2, 2), numbers(3, 2, 2, seed=1))


def test_no_lapack_call():
    text = jax.jit(inverse).lower(jax.ShapeDtypeStruct((2, 2), jnp.float32)).as_text()
    assert "divide" in text and "custom_call" not in text


def test_the_smallest_singular_value_is_numpys():
    matrices = numbers(500, 2, 2)
    expected = np.linalg.svd(np.asarray(matrices, np.float64))[1][:, 1]
    np.testing.assert_allclose(all_ways(smallest_singular_value, matrices), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4, 1e-6])
def test_the_smallest_singular_value_of_covariances_keeps_its_digits(scale):
    """The published form, a difference of nearly equal numbers, would lose those of small and of thin ones."""
    turn = numbers(200, low=0, high=6)
    rotation = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], -1).reshape(-1, 2, 2)
    matrices = scale * (rotation * np.array([1, 0.05])) @ rotation.swapaxes(1, 2)
    found = smallest_singular_value(jnp.asarray(matrices, jnp.float32))
    np.testing.assert_allclose(found, np.full(200, 0.05 * scale), rtol=1e-4)
    np.testing.assert_allclose(smallest_singular_value(scale * jnp.eye(2)), scale, rtol=1e-6)


@pytest.mark.parametrize("name", SINGULAR)
def test_the_smallest_singular_value_is_never_below_the_bound_and_its_slopes_are_finite(name):
    matrix = jnp.array(SINGULAR[name])
    value, slopes = jax.value_and_grad(smallest_singular_value)(matrix)
    assert value >= SMALLEST_EIGENVALUE * (1 - 1e-6)
    assert np.isfinite(slopes).all()


def positive_part(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.where(values > 0, values, 1e-6)) @ vectors.T


def test_the_nearest_covariance_has_the_positive_eigenvalues_of_the_symmetric_part():
    matrices = numbers(300, 2, 2)
    expected = np.stack([positive_part(matrix) for matrix in np.asarray(matrices, np.float64)])
    close(all_ways(nearest_covariance, matrices), expected.astype(np.float32), 2e-6)
    kinds = np.linalg.eigvalsh(np.asarray(matrices + matrices.mT) / 2) > 0
    assert {tuple(kind) for kind in kinds} == {(False, False), (False, True), (True, True)}


def test_a_covariance_is_its_own_nearest():
    factor = numbers(50, 2, 2)
    covariance = product(factor, factor.mT) + 0.01 * jnp.eye(2)
    close(nearest_covariance(covariance), covariance, 1e-6)
    equal = 0.3 * jnp.eye(2)
    close(nearest_covariance(equal), equal, 1e-6)


def test_derivatives_of_singular_values_and_covariances():
    check_derivatives(smallest_singular_value, numbers(3, 2, 2, seed=4) + 2 * jnp.eye(2))
    check_derivatives(nearest_covariance, numbers(3, 2, 2, seed=4) + jnp.array([[2.0, 0.3], [0.3, 4.0]]))
