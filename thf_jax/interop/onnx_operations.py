"""A traced function in operations that can be converted to ONNX.

What the platform decides is decided for CPUs; pools and products of tensors are put in simpler terms, which the
converter gets wrong or ONNX Runtime refuses; calls are inlined; what no input changes is computed beforehand.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Literal

PLATFORM = "cpu"
_CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr"}
_CALLS |= {"custom_vjp_call": "call_jaxpr"}
"""The primitives that call a function, and the parameter that holds it."""


def simplified(traced: ClosedJaxpr) -> Callable[..., list[Any]]:
    """The function of a `jax.make_jaxpr`, computed by simpler operations."""
    return functools.partial(_evaluate, traced.jaxpr, traced.consts)


def _evaluate(jaxpr: Any, constants: Sequence[Any], *arguments: Any) -> list[Any]:
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        given = [value(variable) for variable in equation.invars]
        depends = any(isinstance(x, Tracer) for x in given)
        with contextlib.nullcontext() if depends else jax.ensure_compile_time_eval():
            results = _results(equation.primitive, equation.params, given)
        values.update(zip(equation.outvars, results, strict=True))
    return [value(variable) for variable in jaxpr.outvars]


def _results(primitive: Any, params: dict[str, Any], arguments: list[Any]) -> list[Any]:
    name = primitive.name
    if name in _CALLS:
        inner = params[_CALLS[name]]
        return _evaluate(inner.jaxpr, inner.consts, *arguments)
    if name == "platform_index":
        return [np.int32(next(i for i, names in enumerate(params["platforms"]) if not names or PLATFORM in names))]
    if name == "cond" and not isinstance(arguments[0], Tracer):
        branch = params["branches"][int(np.clip(arguments[0], 0, len(params["branches"]) - 1))]
        return _evaluate(branch.jaxpr, branch.consts, *arguments[1:])
    if name in _SIMPLER:
        return [_SIMPLER[name](*arguments, **params)]
    results = primitive.bind(*arguments, **params)
    return list(results) if primitive.multiple_results else [results]


def _product(first: Any, second: Any, *, dimension_numbers: Any, **_: Any) -> Any:
    """`dot_general` as one product of stacks of matrices, or of numbers where nothing is summed up."""
    summed, stacked = dimension_numbers
    if not any(axes for pair in (summed, stacked) for axes in pair):
        return jnp.tensordot(first, second, 0)
    free = [
        [axis for axis in range(x.ndim) if axis not in (*s, *b)]
        for x, s, b in zip((first, second), summed, stacked, strict=True)
    ]
    left = first.transpose(*stacked[0], *free[0], *summed[0])
    right = second.transpose(*stacked[1], *summed[1], *free[1])
    outer = left.shape[: len(stacked[0])]
    rows, columns = left.shape[len(outer) : len(outer) + len(free[0])], right.shape[right.ndim - len(free[1]) :]
    count = math.prod(outer)
    left = left.reshape(count, math.prod(rows), -1)
    right = right.reshape(count, -1, math.prod(columns))
    product = left * right if not summed[0] else left @ right
    return product.reshape(*outer, *rows, *columns)


def _largest_in_window(
    x: Any,
    *,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    **_: Any,
) -> Any:
    """`reduce_window_max` as the largest of shifted maps."""
    lowest = jnp.array(-jnp.inf, x.dtype)
    padded = jax.lax.pad(x, lowest, [(before, after, 0) for before, after in padding])
    stops = [
        1 + (size - window) // stride * stride
        for size, window, stride in zip(padded.shape, window_dimensions, window_strides, strict=True)
    ]
    starts = itertools.product(*map(range, window_dimensions))
    shifted = [
        jax.lax.slice(padded, start, [i + stop for i, stop in zip(start, stops, strict=True)], window_strides)
        for start in starts
    ]
    return functools.reduce(jnp.maximum, shifted)


_SIMPLER: dict[str, Callable[..., Any]] = {"dot_general": _product, "reduce_window_max": _largest_in_window}
