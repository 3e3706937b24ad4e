"""The same step on any number of devices, and what these devices tell each other in it."""

import jax
import numpy as np
import pytest

from tests.training.samples import ADVERSARIAL, assert_learnt_alike, assert_losses_alike, learnt, run_program, tiny
from thf_jax.training.programs import batch_shapes, collective_bytes
from thf_jax.training.setup import build_recipe
from thf_jax.training.state import count_parameters

STEPS = 5
CASES = {
    "fomm": ("fomm", "debug", {}),
    "fomm adversarial": ("fomm", "debug", ADVERSARIAL),
    "monkey_net": ("monkey_net", "debug", {}),
    "mraa": ("mraa", "debug", {}),
    "mraa avd": ("mraa", "debug+avd", {}),
}
EVERYTHING = {
    "data.jitter.brightness": 0.1,
    "optimizer.clip": 1.0,
    "train.accumulate": 2,
    "train.average": 0.9,
    "train.batch_size": 16,
    "train.nonfinite": "skip",
}
LONG = {
    "fomm everything": ("fomm", "debug", {**ADVERSARIAL, **EVERYTHING}),
    "x2face": ("x2face", "debug", {"size": 32}),
    "x2face identity": ("x2face", "debug+identity", {"size": 32}),
    "face_vid2vid": ("face_vid2vid", "debug", {"size": 32}),
}


def settings(system, variant, changes):
    # With the published epsilon Adam's first steps are as large for a gradient of 1e-7 as for one of 1: what rounding
    # leaves of a gradient that should be 0 would become a step of its own.
    return tiny(system, variant, **{"optimizer.epsilon": 1e-3, **changes})


def noise(config):
    """A batch of noise, with all that the config's losses look at."""
    rng = np.random.default_rng(3)
    shapes = batch_shapes(config, build_recipe(config, STEPS))
    drawn = {name: rng.integers(0, 255, x.shape) for name, x in shapes.items()}
    return {name: numbers.astype(shapes[name].dtype) for name, numbers in drawn.items()}


def assert_same_run(first, second):
    """The losses within 1e-5 at each step, and so are the parameters and statistics after the last."""
    for ours, theirs in zip(first[1], second[1], strict=True):
        assert_losses_alike(ours, theirs)
    assert_learnt_alike(first[0], second[0])


def assert_only_reduced(config, state, program):
    """Gradients and statistics are reduced over the devices; nothing is gathered or exchanged, activations least."""
    exchanged = collective_bytes(program.as_text())
    params = [network["params"] for network in learnt(state)]
    if config.loss.avd_position:  # MRAA's second stage trains one part alone
        params = params[0]["avd"]
    trained = count_parameters(params)
    assert exchanged.pop("all-reduce") >= 4 * trained
    assert not any(exchanged.values())


@pytest.mark.parametrize("case", CASES)
def test_eight_devices_equal_one_and_only_reduce(case):
    config = settings(*CASES[case])
    assert len(jax.devices()) == 8
    one, eight = (run_program(config, STEPS, jax.devices()[:count], noise(config)) for count in (1, 8))
    assert_same_run(one, eight)
    assert_only_reduced(config, *eight[::2])


@pytest.mark.thorough
@pytest.mark.parametrize("case", {**CASES, **LONG})
def test_one_two_four_and_eight_devices_are_alike(case):
    config = settings(*{**CASES, **LONG}[case])
    runs = [run_program(config, STEPS, jax.devices()[:count], noise(config)) for count in (1, 2, 4, 8)]
    for run in runs[1:]:
        assert_same_run(runs[0], run)
        assert_only_reduced(config, *run[::2])
    reduced = [collective_bytes(program.as_text())["all-reduce"] for _, _, program in runs]
    assert reduced[0] == 0 and len(set(reduced[1:])) == 1  # as many bytes on any number of devices
