"""What given settings mean: every default filled in, and the names and shapes of the variables that they make."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.errors import FlaxError

from thf_jax.errors import InputError, nearest
from thf_jax.models import Settings, build, published


def variable_shapes(system: str, settings: Settings, size: int) -> dict[str, Any]:
    """A nested dictionary of `jax.ShapeDtypeStruct`, as the module's `init` would fill it for images of `size`.

    Raises:
        InputError: no such system or setting, or values that make no model.
    """
    try:
        return _shapes(build(system, settings), size)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError, FlaxError) as error:
        # JAX appends paragraphs of its own to the message of whatever is raised inside a trace.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"these settings make no {system} model of {size} x {size} pictures: {reason}") from error


@functools.lru_cache(maxsize=8)
def _shapes(module: nn.Module, size: int) -> dict[str, Any]:
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    return jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x), image)


def complete(system: str, settings: Settings) -> dict[str, Any]:
    """The settings with the published value of every one that they leave out. A part that is None stays None.

    Raises:
        InputError: no such system or part.
    """
    full: dict[str, Any] = dict(published(system))
    for part, values in settings.items():
        if part not in full:
            raise InputError(f"{system} has no part named {part!r}{nearest(part, full)}")
        full[part] = None if values is None else full[part] | dict(values)
    return full
