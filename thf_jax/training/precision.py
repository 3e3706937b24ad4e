"""In what type the networks of a step multiply: float32, or bfloat16.

Every layer of `thf_jax.nn` computes in the type of the features that it is given, its own parameters being float32. A
policy therefore has one thing to say: in what type a convolution or matrix product gets its features. From there on
they stay in it, through norms, activations and warps, up to a layer that is marked `precise_result`, behind which
begin logits, positions and pixels. Parameters and their gradients, batch statistics, spectral vectors, keypoints and
all that is computed of them, grids, softmaxes, pictures and losses are float32 under either policy.

A policy wraps a function that runs networks. While that is traced, linen hands it every call of a module
(`nn.intercept_methods`): no module carries a type as an attribute, none is built or initialised differently, and
outside of that function, as in inference, everything is float32.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from thf_jax.errors import InputError, nearest
from thf_jax.nn.layers import Conv, Dense, GroupConv
from thf_jax.nn.spectral import SpectralConv

Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]
"""From a function that runs networks to one with the same arguments and results."""


def in_float32(run: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is."""
    return run


def in_bfloat16(run: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its networks' convolutions and matrix products being of bfloat16 numbers."""

    @functools.wraps(run)
    def lowered(*arguments: Any) -> Any:
        with nn.intercept_methods(_lower):
            return run(*arguments)

    return lowered


PRECISIONS: dict[str, Wrap] = {"float32": in_float32, "bfloat16": in_bfloat16}


def computing_in(name: str) -> Wrap:
    """The policy of this name.

    Raises:
        InputError: there is none.
    """
    if name not in PRECISIONS:
        raise InputError(f"networks do not compute in {name!r}{nearest(name, PRECISIONS)}")
    return PRECISIONS[name]


def _lower(method: Callable[..., Any], arguments: Any, options: Any, context: nn.module.InterceptorContext) -> Any:
    """What a module's method returns, called with features in the type that its kind of module is to have."""
    module = context.module
    if context.method_name != "__call__":
        return method(*arguments, **options)
    if isinstance(module, Conv | GroupConv | SpectralConv) or (isinstance(module, Dense) and not module.precise):
        (features,) = arguments
        return method(features.astype(jnp.bfloat16), **options)
    if isinstance(module, nn.InstanceNorm):  # Flax's own, which does not compute in the type of its features
        (features,) = arguments
        return method(features.astype(jnp.float32), **options).astype(features.dtype)
    return method(*arguments, **options)
