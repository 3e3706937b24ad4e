"""Everything that training changes, as one pytree."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct
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


def create_network(
    key: PRNGKeyArray, module: nn.Module, optimizer: optax.GradientTransformation, *inputs: Any
) -> NetworkState:
    """A network at its random start. `inputs` are example arrays, of which only shape and type matter."""
    variables = dict(jax.jit(functools.partial(module.init, train=True))(key, *inputs))
    params = variables.pop("params")
    return NetworkState(params=params, statistics=variables, optimizer=optimizer.init(params))


def apply_gradients(
    network: NetworkState, gradients: Any, statistics: Any, optimizer: optax.GradientTransformation
) -> NetworkState:
    """The network after one step of its optimiser, with these statistics in place of the old."""
    updates, optimizer_state = optimizer.update(gradients, network.optimizer, network.params)
    return NetworkState(optax.apply_updates(network.params, updates), statistics, optimizer_state)


def start(animator: NetworkState, discriminator: NetworkState | None = None) -> TrainState:
    """The state before the first step."""
    return TrainState(jnp.zeros((), jnp.int32), animator, discriminator)


def count_parameters(params: Any) -> int:
    """How many numbers are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
