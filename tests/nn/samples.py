"""What the tests of networks share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal


def numbers(*shape: int, seed: int = 0) -> jax.Array:
    """Standard normal float32 numbers."""
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def shapes(module: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    """The shapes of a module's outputs and of its variables, without computing anything."""
    return jax.eval_shape(lambda *x: module.init_with_output(jax.random.key(0), *x, **options), *arguments)


def positive(module: Any, *arguments: Any, **options: Any) -> Any:
    """Variables of a module that are all of them between 0.2 and 1: no scale, variance or bias is left at 0 or 1."""
    random = np.random.default_rng(0)
    variables = shapes(module, *arguments, **options)[1]
    return jax.tree.map(lambda x: jnp.asarray(random.uniform(0.2, 1.0, x.shape), jnp.float32), variables)


def picture(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def correlate(x: np.ndarray, kernel: np.ndarray, padding: int) -> np.ndarray:
    """In float64, one image and one pair of channels at a time."""
    x = np.pad(x.astype(np.float64), ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = (size - span + 1 for size, span in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    result = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for b, c, f in np.ndindex(len(x), kernel.shape[2], kernel.shape[3]):
        result[b, ..., f] += scipy.signal.correlate2d(x[b, ..., c], kernel[..., c, f], "valid")
    return result
