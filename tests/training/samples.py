"""A tiny run: its data in memory, its configuration, and how two states are compared."""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np

from data_pipelines.records import ClipEntry
from thf_jax.training import parallel
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import train_step

SIZE = 16
ADVERSARIAL = {"loss.adversarial": 1.0, "discriminator.spectral_norm": True}


class MemoryDataset:
    """Two clips of smooth noise that shifts a little from frame to frame."""

    def __init__(self, size=SIZE, length=8):
        rng = np.random.default_rng(0)
        coarse = rng.random((2, size // 4 + 2, size // 4 + 2, 3))
        large = jax.image.resize(jnp.asarray(coarse, jnp.float32), (2, size + length, size + length, 3), "linear")
        large = np.asarray(large * 255, np.uint8)
        self.size = size
        self.clips = tuple(ClipEntry(f"{i}", f"{i}", i * length, length) for i in range(2))
        self._frames = [large[i, t : t + size, t : t + size] for i in range(2) for t in range(length)]

    def frame(self, number):
        return self._frames[number]

    def frames(self, clip):
        return iter(self._frames[clip.start : clip.start + clip.length])


SYSTEMS = ("fomm", "monkey_net", "mraa")


def tiny(system="fomm", variant="debug", **changes):
    """A configuration of the system for pictures of 16 pixels."""
    config = importlib.import_module(f"configs.{system}").get_config(variant)
    detector = config.model.get("detector") or {}
    if "head" in detector:  # else the estimator of 3-D keypoints must have as many, and pads as its own size wants
        detector.update({"padding": detector.head // 2, "count": 3})
    config.update_from_flattened_dict(
        {
            "size": SIZE,
            "data.threads": 0,
            "train.log_every": 1,
            "train.sample_every": 10**6,
            "train.save_every": 2,
            "train.batch_size": 8,
            "train.steps": 4,
            "discriminator.width": 4,
            "discriminator.depth": 1,
            **changes,
        }
    )
    return config


def one_batch(count=8):
    rng = np.random.default_rng(3)
    return {name: rng.integers(0, 255, (count, SIZE, SIZE, 3), dtype=np.uint8) for name in ("source", "driving")}


def run_steps(config, count, devices=None, batch=None):
    """The state and the metrics of each step, `count` steps on the same batch (noise by default), on these devices."""
    return run_program(config, count, devices, batch)[:2]


def run_program(config, count, devices=None, batch=None):
    """The same, and the compiled program of the step; None where none is taken."""
    mesh, batch = parallel.data_mesh(devices), batch or one_batch()
    recipe = build_recipe(config, count)
    state = initial_state(config, recipe, jax.random.key(1))
    layout = parallel.shardings(state, mesh, shard_parameters=config.train.shard_parameters)
    state = parallel.place(state, layout)
    frozen, key = parallel.replicate((frozen_variables(config, recipe), jax.random.key(2)), mesh)
    step = jax.jit(functools.partial(train_step, recipe), out_shardings=(layout, parallel.replicated(mesh)))
    quickly = {"xla_backend_optimization_level": "0"}  # optimising takes longer than it saves in a few steps
    history, compiled = [], None
    for _ in range(count):
        arguments = state, frozen, parallel.to_devices(batch, mesh), key
        compiled = compiled or step.lower(*arguments).compile(compiler_options=quickly)
        state, metrics = compiled(*arguments)
        history.append({name: float(value) for name, value in metrics.items()})
    return state, history, compiled


def learnt(state):
    """What training is for: the variables of every network, without the optimisers' moments."""
    return [network.variables for network in (state.animator, state.discriminator) if network is not None]


def assert_learnt_alike(first, second):
    """Parameters and statistics within 1e-5."""
    for ours, theirs in zip(jax.tree.leaves(learnt(first)), jax.tree.leaves(learnt(second)), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(ours).max())))


NOT_LOSSES = {
    *("gradient_norm", "discriminator_gradient_norm"),  # the gradient of L1 jumps where a difference changes its sign
    *("images_per_second", "images_per_second_per_device", "input_wait"),
}


def assert_losses_alike(first, second):
    """The terms of one step within 1e-5."""
    assert first.keys() == second.keys()
    for name in first.keys() - NOT_LOSSES:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-5, err_msg=name)


def assert_equal(first, second):
    for ours, theirs in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(ours, theirs)
