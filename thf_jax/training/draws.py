"""Random draws of a step: each example's own, wherever it is computed."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PRNGKeyArray

from thf_jax.nn.named_axis import AxisName


def example_keys(key: PRNGKeyArray, count: int, axis_name: AxisName | None = None) -> Key[Array, " count"]:
    """A key for each of `count` examples: `fold_in(key, i)` for example i of the global batch.

    What is drawn from them does not depend on how the batch is split, into micro-batches or among devices.

    Args:
        axis_name: under `pmap` or `shard_map`, where `count` is what one device holds: the axis of the devices.
    """
    first = 0 if axis_name is None else jax.lax.axis_index(axis_name) * count
    return jax.vmap(functools.partial(jax.random.fold_in, key))(first + jnp.arange(count))
