"""What is asked of every op: the same numbers eager, under jit and under vmap, and derivatives that are true."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads


def numbers(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> jax.Array:
    """Uniform float32 numbers."""
    return jnp.asarray(np.random.default_rng(seed).uniform(low, high, shape), jnp.float32)


def close(actual: Any, expected: Any, tolerance: float = 1e-6) -> None:
    """Both pytrees hold the same numbers."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=tolerance, atol=tolerance)


def all_ways(function: Callable, *arguments: Any) -> Any:
    """The result for one example, once jit and vmap have given it as well; vmap beside an example of other numbers."""
    eager = function(*arguments)
    close(jax.jit(function)(*arguments), eager)
    pair = jax.tree.map(lambda x: jnp.stack([jnp.flip(x), x]), arguments)
    close(jax.tree.map(lambda x: x[1], jax.jit(jax.vmap(function))(*pair)), eager)
    return eager


def check_derivatives(function: Callable, *arguments: Any) -> None:
    """Forward and reverse mode against central differences, in float64."""
    with jax.enable_x64(True):
        doubles = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), arguments)

        @jax.jit
        def compiled(*values: Any) -> Any:
            result = function(*values)
            assert all(x.dtype == jnp.float64 for x in jax.tree.leaves(result))
            return result

        check_grads(compiled, doubles, order=1, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6)
