"""Batch statistics over the devices of a named axis, for what runs under `pmap`, `shard_map` or `vmap`."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from flax import linen as nn

from thf_jax.nn.layers import BatchNorm

AxisName = str | tuple[str, ...]


def batch_norm_over(axis_name: AxisName | None) -> contextlib.AbstractContextManager[None]:
    """A context in which every `BatchNorm` takes its statistics over this axis as well; None changes nothing.

    Whoever maps a step over an axis knows its name, and the layers that need it are the leaves of every network. This
    hands it to them by `linen.intercept_methods`, Flax's own way to call a layer differently from outside: the modules
    between carry no argument that a run under `jit`, where a mean over the batch is global by itself, never uses. It
    holds while the networks are traced, so it belongs inside of the mapped function.
    """
    if axis_name is None:
        return contextlib.nullcontext()

    def over_the_axis(
        layer: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any], context: Any
    ) -> Any:
        if isinstance(context.module, BatchNorm) and context.method_name == "__call__":
            options = {**options, "axis_name": axis_name}
        return layer(*arguments, **options)

    return nn.intercept_methods(over_the_axis)
