"""A temporal filter for motions: still heads hold still, quick ones are followed."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from thf_jax.errors import InputError

QUICKNESS = 10.0
"""Cycles a frame by which a speed of 1 (half the picture's side in one frame) raises the cutoff; the paper's beta."""
SPEED_SHARE = 0.2
"""The weight of the newest difference between two frames in the estimate of the speed."""


def smooth(motions: Iterable[Any], strength: float) -> Iterator[Any]:
    """The motions, each number of them filtered over time; the first one stays as it is.

    The 1-euro filter (Casiez, Roussel and Vogel, CHI 2012) with time counted in frames: an exponential average whose
    cutoff rises with the speed, cutoff = 1 / (2 pi strength) + QUICKNESS |speed|.

    Args:
        motions: pytrees of arrays, all of one shape.
        strength: how many frames a resting motion is averaged over; 0 changes nothing.

    Raises:
        InputError: a strength that is negative or not finite.
    """
    if not (math.isfinite(strength) and strength >= 0):
        raise InputError(f"the strength of smoothing is a number of frames, 0 or more, not {strength}")
    return iter(motions) if strength == 0 else _filtered(motions, strength)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _State:
    value: Any
    speed: Any


def _filtered(motions: Iterable[Any], strength: float) -> Iterator[Any]:
    state = None
    for motion in motions:
        state = (
            _State(motion, jax.tree.map(jnp.zeros_like, motion)) if state is None else _step(state, motion, strength)
        )
        yield state.value


@jax.jit
def _step(state: _State, motion: Any, strength: float | jax.Array) -> _State:
    speed = jax.tree.map(lambda new, old, v: v + SPEED_SHARE * (new - old - v), motion, state.value, state.speed)

    def follow(new: jax.Array, old: jax.Array, v: jax.Array) -> jax.Array:
        cutoff = 1 / (2 * math.pi * strength) + QUICKNESS * jnp.abs(v)
        return old + (new - old) / (1 + 1 / (2 * math.pi * cutoff))

    return _State(jax.tree.map(follow, motion, state.value, speed), speed)
