"""Everything that training changes, as one pytree."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct
from jax.core import Tracer
from jaxtyping import Array, Int, PRNGKeyArray


@struct.dataclass
class NetworkState:
    """Variables of one network and of its optimiser."""

    params: Any
    statistics: Any
    """Collections that are not trained by gradient: batch statistics, spectral vectors."""
    optimizer: optax.OptState

    @property
    def variables(self) -> dict[str, Any]:
        """As linen's `apply` takes them."""
        return {"params": self.params, **self.statistics}


@struct.dataclass
class TrainState:
    """The whole state of a run; with the seed and the data iterator it determines everything that follows."""

    step: Int[Array, ""]
    animator: NetworkState
    discriminator: NetworkState | None = None
    average: Any = None
    """Of the animator's parameters over the steps, see `average.moved_average`; None where none is kept."""

    @property
    def params(self) -> tuple[Any, Any]:
        """Of the animator and of the discriminator."""
        return self.animator.params, None if self.discriminator is None else self.discriminator.params

    @property
    def statistics(self) -> tuple[Any, Any]:
        """Of the animator and of the discriminator."""
        return self.animator.statistics, None if self.discriminator is None else self.discriminator.statistics

    def with_statistics(self, animator: Any, discriminator: Any) -> TrainState:
        """The same parameters with these statistics."""
        judge = self.discriminator
        return dataclasses.replace(
            self,
            animator=dataclasses.replace(self.animator, statistics=animator),
            discriminator=None if judge is None else dataclasses.replace(judge, statistics=discriminator),
        )

    @property
    def variables(self) -> dict[str, Any]:
        """The animator to be used: the averaged parameters where there are any, with the newest statistics."""
        params = self.animator.params if self.average is None else self.average
        return {**self.animator.variables, "params": params}


def initialised(init: Callable[..., Any], key: PRNGKeyArray, *inputs: Any) -> Any:
    """What a module's `init` returns. It runs once, hence a CPU compiles it in a hurry: in a quarter of the time."""
    hurry = jax.default_backend() == "cpu" and not isinstance(key, Tracer)  # within another jit that decides
    return jax.jit(init, compiler_options={"xla_backend_optimization_level": 1} if hurry else None)(key, *inputs)


def create_network(
    key: PRNGKeyArray, module: nn.Module, optimizer: optax.GradientTransformation, *inputs: Any
) -> NetworkState:
    """A network at its random start. `inputs` are example arrays, of which only shape and type matter."""
    variables = dict(initialised(functools.partial(module.init, train=True), key, *inputs))
    params = variables.pop("params")
    return NetworkState(params=params, statistics=variables, optimizer=optimizer.init(params))


def apply_gradients(
    network: NetworkState, gradients: Any, statistics: Any, optimizer: optax.GradientTransformation
) -> NetworkState:
    """The network after one step of its optimiser, with these statistics in place of the old."""
    updates, optimizer_state = optimizer.update(gradients, network.optimizer, network.params)
    return NetworkState(optax.apply_updates(network.params, updates), statistics, optimizer_state)


def start(animator: NetworkState, discriminator: NetworkState | None = None, *, averaged: bool = False) -> TrainState:
    """The state before the first step. `averaged` keeps an average of the animator's parameters."""
    # A copy, since a step that is given its state away must not be given an array twice.
    average = jax.tree.map(jnp.copy, animator.params) if averaged else None
    return TrainState(jnp.zeros((), jnp.int32), animator, discriminator, average)


def count_parameters(params: Any) -> int:
    """How many numbers are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
