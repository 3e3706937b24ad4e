"""Rematerialisation: what of a network's pass is computed once more for the gradient, in place of being kept.

The inputs of a pass are always kept, and so is what its caller goes on with.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name

from thf_jax.errors import InputError, nearest
from thf_jax.models import SYSTEMS
from thf_jax.nn.layers import BATCH_STATISTICS
from thf_jax.training.precision import Wrap

_PART = "part"
_policies = jax.checkpoint_policies


def _is_product(primitive: Any, *_: Any, **__: Any) -> bool:
    return primitive in (jax.lax.conv_general_dilated_p, jax.lax.dot_general_p)


RECOMPUTED: dict[str, Callable[..., bool] | None] = {
    "none": None,
    "between_convolutions": _policies.save_from_both_policies(
        _is_product, _policies.save_only_these_names(BATCH_STATISTICS)
    ),
    "within_parts": _policies.save_only_these_names(_PART),
    "everything": _policies.nothing_saveable,
}
"""What is computed once more, by name, and as what `jax.checkpoint` knows it.

- `none`: everything that the gradient needs is kept.
- `between_convolutions`: norms, activations and warps. The results of convolutions and matrix products are kept, and so
  are batch statistics, which would otherwise be reduced over all devices again.
- `within_parts`: all but what a system's parts (detector, dense motion, generator, ...) hand to each other.
- `everything`: all of it.
"""


def recomputing(name: str) -> Wrap:
    """The policy of this name: it wraps a function of arrays that runs networks.

    Raises:
        InputError: there is none.
    """
    if name not in RECOMPUTED:
        raise InputError(f"there is no rematerialisation named {name!r}{nearest(name, RECOMPUTED)}")
    policy = RECOMPUTED[name]
    if policy is None:
        return lambda run: run
    return lambda run: jax.checkpoint(_with_named_parts(run), policy=policy)


def _with_named_parts(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def named(*arguments: Any) -> Any:
        with nn.intercept_methods(_name_results):
            return run(*arguments)

    return named


_SYSTEMS = tuple(system.module for system in SYSTEMS.values())


def _name_results(method: Callable[..., Any], arguments: Any, options: Any, context: Any) -> Any:
    """What a module's method returns, marked where the module is a part of a system and the system called it."""
    result = method(*arguments, **options)
    inner = context.method_name.startswith("_") and context.method_name != "__call__"
    if inner or not isinstance(context.module.parent, _SYSTEMS):
        return result
    return jax.tree.map(lambda x: checkpoint_name(x, _PART), result)
