"""The step mapped over devices by `pmap` and by `shard_map` is the step of a batch that `jit` splits."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from tests.training.samples import ADVERSARIAL, assert_losses_alike, one_batch, run_steps, tiny
from thf_jax.training import parallel
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import train_step

STEPS = 3
# The epsilon for the reason that `test_eight_devices_equal_one` has; it compiles the very program that stands here for
# what `jit` makes.
CONFIG = tiny(**{"optimizer.epsilon": 1e-3, **ADVERSARIAL})


def by_pmap(step, arguments):
    mapped = jax.pmap(step, "data", in_axes=(None, None, 0, None), out_axes=None)
    return mapped, (*arguments[:2], jax.tree.map(lambda x: x.reshape(8, -1, *x.shape[1:]), arguments[2]), arguments[3])


def by_shard_map(step, arguments):
    whole, split = PartitionSpec(), PartitionSpec("data")
    specs = {"in_specs": (whole, whole, split, whole), "out_specs": whole}
    return jax.jit(jax.shard_map(step, mesh=parallel.data_mesh(), check_vma=False, **specs)), arguments


@functools.cache
def by_jit():
    return run_steps(CONFIG, STEPS)


@pytest.mark.parametrize("mapped", [by_pmap, by_shard_map])
def test_a_step_mapped_over_eight_devices_equals_one_of_a_split_batch(mapped):
    recipe = dataclasses.replace(build_recipe(CONFIG, STEPS), axis_name="data")
    state = initial_state(CONFIG, recipe, jax.random.key(1))
    frozen = frozen_variables(CONFIG, recipe)
    step, (_, *others) = mapped(functools.partial(train_step, recipe), (state, frozen, one_batch(), jax.random.key(2)))
    # What the compiler's optimisations would save in running is far less than what they take.
    options = {"xla_backend_optimization_level": "0"}
    compiled, history = step.lower(state, *others).compile(compiler_options=options), []
    for _ in range(STEPS):
        state, metrics = compiled(state, *others)
        history.append(metrics)
    expected, expected_history = by_jit()
    for ours, theirs in zip(history, expected_history, strict=True):
        assert_losses_alike(theirs, ours)
    for ours, theirs in zip(jax.tree.leaves(learnt(state)), jax.tree.leaves(learnt(expected)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(theirs).max())))


def learnt(state):
    return state.params, state.statistics
