"""Runs whose step is quick: the networks and optimisers are real, the gradient is read off the batch.

What surrounds the step in a run depends on neither the losses nor how long their program takes to compile.
"""

import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import drawn
from tests.training.samples import MemoryDataset, tiny
from thf_jax.interop.shapes import variable_shapes
from thf_jax.training import loop, step
from thf_jax.training.state import NetworkState, TrainState, apply_gradients, start

QUICK = {"loss.perceptual": 0.0, "loss.reconstruction": 1.0, "perceptual.weights": ""}


def quick(**changes):
    """A configuration for such a run."""
    return tiny(**{**QUICK, **changes})


def quick_step(recipe, state, frozen, batch, key):
    slope = batch["driving"].astype(jnp.float32).mean() / 255

    def moved(network, optimizer):
        gradients = jax.tree.map(lambda x: jnp.full_like(x, slope), network.params)
        return apply_gradients(network, gradients, network.statistics, optimizer)

    judge = state.discriminator
    if judge is not None:
        judge = moved(judge, recipe.discriminator_optimizer)
    state = TrainState(state.step + 1, moved(state.animator, recipe.optimizer), judge)
    return state, {"loss": slope, "reconstruction": slope}


def random_start(recipe):
    """The networks of `quick()`, before the first step."""
    config = quick()
    variables = drawn(variable_shapes(config.system, config.model.to_dict(), config.size))
    params = variables.pop("params")
    return start(NetworkState(params, variables, recipe.optimizer.init(params)))


def small_start(recipe):
    """A state of the same build with a few numbers in each of its parts, for tests that animate nothing."""

    def network(optimizer, parts):
        params = {part: {"kernel": jnp.arange(6.0).reshape(2, 3)} for part in parts}
        return NetworkState(params, {"batch_stats": {}}, optimizer.init(params))

    judge = network(recipe.discriminator_optimizer, ["scale0"]) if recipe.discriminator is not None else None
    return start(network(recipe.optimizer, ["detector", "dense_motion", "generator"]), judge)


def make_quick(patch, beginning=small_start):
    """Let the loop take such steps and draw no pictures, by this `pytest.MonkeyPatch`."""
    patch.setattr(step, "train_step", quick_step)
    patch.setattr(loop, "initial_state", lambda config, recipe, key: beginning(recipe))
    patch.setattr(loop, "sample_picture", lambda *_: np.zeros((2, 2, 3), np.uint8))


@pytest.fixture
def quick_steps(monkeypatch):
    """Steps of a moment, on small states."""
    make_quick(monkeypatch)


class SignalsAt(MemoryDataset):
    """The dataset, whose frame of that number in the order of reading comes with signals to this process."""

    def __init__(self, frame, *numbers):
        super().__init__()
        self._left, self._numbers = frame, numbers

    def frame(self, number):
        self._left -= 1
        if self._left == 0:
            for signal_number in self._numbers:
                signal.raise_signal(signal_number)
        return super().frame(number)
