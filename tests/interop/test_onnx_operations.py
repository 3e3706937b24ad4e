"""Functions in simpler operations against the functions themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.interop.onnx_operations import simplified

X = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)


def primitives(jaxpr) -> set[str]:
    names = set()
    for equation in jaxpr.eqns:
        names.add(equation.primitive.name)
        for parameter in jax.tree.leaves(equation.params, is_leaf=lambda x: hasattr(x, "jaxpr")):
            if hasattr(parameter, "jaxpr"):
                names |= primitives(parameter.jaxpr)
    return names


def rewritten(function, *arguments):
    """What the simpler function gives, and the names of what it is made of."""
    simple = simplified(jax.make_jaxpr(function)(*arguments))
    return simple(*arguments), primitives(jax.make_jaxpr(simple)(*arguments).jaxpr)


def pool(window, strides, padding):
    return lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, padding)


@pytest.mark.parametrize(
    ("window", "strides", "padding"),
    [
        ((1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0))),
        ((1, 2, 2, 1), (1, 2, 2, 1), ((0, 0),) * 4),
        ((2, 1, 3, 2), (1, 3, 1, 1), ((1, 0), (0, 2), (0, 0), (0, 0))),
    ],
)
def test_a_pool_becomes_the_largest_of_shifted_maps(window, strides, padding):
    function = pool(window, strides, padding)
    (found,), names = rewritten(function, X)
    np.testing.assert_array_equal(found, function(X))
    assert "reduce_window_max" not in names


@pytest.mark.parametrize(
    "sum_of",
    [
        "bhwc,bhwd->bcd",
        "bhwc,bhwd->bhwcd",
        "bhwc,bhwc->b",
        "bhwc,xyzd->bhwcxyzd",
        "bhwc,bxyc->bhwxy",
        "bhwc,bhwc->bhwc",
    ],
)
def test_a_product_of_tensors_becomes_one_of_stacks_of_matrices(sum_of):
    other = np.random.default_rng(1).normal(size=X.shape).astype(np.float32)

    def function(x, y):
        return jnp.einsum(sum_of, x, y, precision="highest")

    (found,), names = rewritten(function, X, other)
    np.testing.assert_allclose(found, np.einsum(sum_of, X, other), atol=1e-4)
    assert not names & {"jit", "pjit"}


def test_calls_are_inlined_and_the_platform_is_a_cpu():
    @jax.jit
    def inner(x):
        return jax.lax.platform_dependent(x, cpu=jax.nn.relu, default=jnp.negative)

    (found,), names = rewritten(lambda x: inner(x) + 1, X)
    np.testing.assert_array_equal(found, np.maximum(X, 0) + 1)
    assert names <= {"max", "add"}


def test_what_no_input_changes_is_computed_beforehand():
    (found,), names = rewritten(lambda x: x * jnp.sin(jnp.arange(2.0)) / jnp.exp(jnp.ones(2)), X)
    np.testing.assert_allclose(found, X * np.sin(np.arange(2.0, dtype=np.float32)) / np.exp(np.float32(1)), rtol=1e-6)
    assert not names & {"sin", "exp", "iota"}


def test_branches_that_an_input_chooses_stay():
    (found,), names = rewritten(lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), X)
    np.testing.assert_array_equal(found, np.asarray(jnp.sin(X) if X.sum() > 0 else jnp.cos(X)))
    assert "cond" in names
