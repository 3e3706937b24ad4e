"""A state that is split among the devices: by which rule, with the same result, in less memory, and back from disk."""

import math

import jax
import pytest
from jax.sharding import PartitionSpec

from data_pipelines.loader import pair_batches
from tests.training.samples import MemoryDataset, assert_equal, run_program
from tests.training.test_devices import CASES, STEPS, assert_same_run, noise, settings
from thf_jax.training import checkpoints, parallel
from thf_jax.training.programs import collective_shapes


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((3, 3, 256, 512), (None, None, None, "data")),
        ((3, 3, 512, 256), (None, None, "data")),
        ((3, 3, 256, 256), (None, None, None, "data")),  # of equal axes the last
        ((7, 7, 512, 10), (None, None, "data")),
        ((7, 7, 1001, 64), (None, None, None, "data")),  # the largest does not divide by 8
        ((9, 9, 999, 9), ()),  # none does
        ((512,), ()),  # too small to be worth it
        ((2**16,), ("data",)),
        ((), ()),
    ],
)
def test_the_largest_axis_that_divides_is_split(shape, axes):
    assert parallel.partition(shape, 8) == PartitionSpec(*axes)


@pytest.fixture(scope="module")
def runs():
    """FOMM on eight devices, whole on each and split among them, in which even small arrays are."""
    whole, split = settings(*CASES["fomm"]), settings(*CASES["fomm"])
    split.train.shard_parameters = True
    with pytest.MonkeyPatch.context() as patch, jax.numpy_dtype_promotion("standard"):
        patch.setattr(parallel, "LARGE", 256)
        return [run_program(config, STEPS, jax.devices()[:8], noise(config)) for config in (whole, split)]


def on_one_device(state):
    return sum(leaf.addressable_data(0).nbytes for leaf in jax.tree.leaves(state))


def test_a_split_state_learns_the_same_in_less_memory(runs):
    whole, split = runs
    assert_same_run(whole, split)
    arrays = jax.tree.leaves(whole[0])
    splittable = [x.size >= 256 and any(length % 8 == 0 for length in x.shape) for x in arrays]
    shares = [x.nbytes // 8 if yes else x.nbytes for x, yes in zip(arrays, splittable, strict=True)]
    assert on_one_device(whole[0]) == sum(x.nbytes for x in arrays)
    assert on_one_device(split[0]) == sum(shares) < 0.7 * on_one_device(whole[0])


def test_parameters_are_gathered_and_activations_are_not(runs):
    state, _, program = runs[1]
    exchanged = collective_shapes(program.as_text())
    sizes = {leaf.size for leaf in jax.tree.leaves(state.animator.params)}
    assert exchanged["all-gather"] and {math.prod(shape) for _, shape in exchanged["all-gather"]} <= sizes
    assert not exchanged["all-to-all"] and not exchanged["collective-permute"]


@pytest.mark.parametrize("first", [0, 1], ids=["whole to split", "split to whole"])
def test_a_checkpoint_of_either_is_restored_as_the_other(runs, tmp_path, first):
    saved, other = runs[first][0], runs[1 - first][0]
    batches = pair_batches(MemoryDataset(), batch_size=8, seed=0, repeats=8, threads=0)
    with checkpoints.open_checkpoints(tmp_path, create=True) as manager:
        checkpoints.save(manager, saved, batches)
        manager.wait_until_finished()
        restored = checkpoints.restore(manager, jax.tree.map(jax.numpy.zeros_like, other), batches)
    assert_equal(saved, restored)
    assert jax.tree.map(lambda x: x.sharding, restored) == jax.tree.map(lambda x: x.sharding, other)
