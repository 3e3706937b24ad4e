"""Gradient accumulation: a batch in micro-batches, one after the other, for one step of the optimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.training.state import TrainState


class Slopes(NamedTuple):
    """What examples say of the animator and, second, of the discriminator, None where there is none."""

    gradients: tuple[Any, Any]
    statistics: tuple[Any, Any]
    """As they are after these examples."""
    metrics: dict[str, Float[Array, ""]]


def accumulate(slopes: Callable[[TrainState, Any], Slopes], state: TrainState, examples: Any, parts: int) -> Slopes:
    """The means of the gradients and metrics of so many micro-batches, through which the statistics run in order.

    It takes the memory of one micro-batch. For networks without statistics it equals the whole batch up to rounding,
    since every term is a mean over examples; but head poses are averaged over those that have labels, micro-batch by
    micro-batch. Two things differ otherwise. Batch norm normalises each micro-batch by its own statistics, so that
    examples see fewer others, and its running statistics take `parts` smaller steps instead of one. Spectral norm
    makes as many power iterations.

    Args:
        slopes: of the networks of a state on examples; their parameters are the same for every micro-batch.
        examples: a pytree, the examples along each leaf's first axis.

    Raises:
        InputError: the batch does not divide.
    """
    if parts == 1:
        return slopes(state, examples)

    def one(carry: tuple[Any, Any], part: Any) -> tuple[tuple[Any, Any], dict[str, Array]]:
        total, statistics = carry
        found = slopes(state.with_statistics(*statistics), part)
        return (jax.tree.map(jnp.add, total, found.gradients), found.statistics), found.metrics

    nothing = jax.tree.map(jnp.zeros_like, state.params), state.statistics
    (total, statistics), metrics = jax.lax.scan(one, nothing, interleaved(examples, parts))
    gradients = jax.tree.map(lambda x: x / parts, total)
    return Slopes(gradients, statistics, jax.tree.map(lambda x: x.mean(0), metrics))


def interleaved(examples: Any, parts: int) -> Any:
    """Micro-batches [parts, b / parts, ...] of examples [b, ...], each of every `parts`-th example.

    None changes its device: one of a batch that is split in order holds neighbours, whom a cut into halves would move.

    Raises:
        InputError: the batch does not divide.
    """
    count = len(jax.tree.leaves(examples)[0])
    if count % parts:
        nearest = max(1, round(count / parts)) * parts
        raise InputError(
            f"a batch of {count} does not divide into {parts} micro-batches (train.accumulate); "
            f"the nearest that does is {nearest}"
        )
    return jax.tree.map(lambda x: jnp.moveaxis(x.reshape(count // parts, parts, *x.shape[1:]), 1, 0), examples)
