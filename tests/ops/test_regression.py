"""Ridge regression against its normal equations, and what it must not depend on."""

import numpy as np
import pytest

from thf_jax.ops.regression import ridge

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.standard_normal((40, 3)) * [1, 5, 0.1] + [0, 3, -2]
TARGETS = INPUTS @ RANDOM.standard_normal((3, 2)) + [1, -1] + 0.3 * RANDOM.standard_normal((40, 2))


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_normal_equations_hold(strength):
    matrix, offset = ridge(INPUTS, TARGETS, strength=strength)
    x, y = INPUTS - INPUTS.mean(0), TARGETS - TARGETS.mean(0)
    penalty = strength * len(x) * np.diag(x.var(0))
    np.testing.assert_allclose(matrix, np.linalg.solve(x.T @ x + penalty, x.T @ y).T, atol=1e-10)
    np.testing.assert_allclose(INPUTS.mean(0) @ matrix.T + offset, TARGETS.mean(0), atol=1e-10)


def test_units_do_not_matter():
    units = np.array([1e3, 1e-3, 2.0])
    first, second = (ridge(INPUTS * scale, TARGETS, strength=0.1) for scale in (np.ones(3), units))
    np.testing.assert_allclose(first[0], second[0] * units, rtol=1e-8)
    np.testing.assert_allclose(first[1], second[1], rtol=1e-8)


def test_an_input_that_never_changes_gets_nothing_and_one_told_twice_is_shared():
    constant = np.concatenate([INPUTS, np.full((40, 1), 7.0), INPUTS[:, :1]], axis=1)
    matrix, offset = ridge(constant, TARGETS)
    alone, alone_offset = ridge(INPUTS, TARGETS)
    assert (matrix[:, 3] == 0).all()
    np.testing.assert_allclose(matrix[:, [0, 4]], alone[:, [0, 0]] / 2, atol=1e-8)
    np.testing.assert_allclose(offset, alone_offset, atol=1e-8)


@pytest.mark.parametrize(("value", "count"), [(0.1, 50), (1 / 3, 100), (1e-9 / 7, 30), (0.0, 10)])
def test_the_rounding_of_an_input_that_never_changes_explains_nothing(value, count):
    inputs = np.concatenate([RANDOM.standard_normal((count, 1)), np.full((count, 1), value)], axis=1)
    matrix, _ = ridge(inputs, inputs[:, :1] + RANDOM.standard_normal((count, 1)))
    assert (matrix[:, 1] == 0).all() and (matrix[:, 0] != 0).all()
