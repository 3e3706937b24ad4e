"""How many parameters every configuration has, at full size and without computing anything."""

import functools
import itertools
import json
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from configs.fomm import ablations, get_config, variants
from thf_jax.models import build, published

PUBLISHED = {"detector": 14_215_368, "dense_motion and generator": 45_575_391}


def convolution(size: int, inputs: int, outputs: int) -> int:
    return size**2 * inputs * outputs + outputs


def hourglass(width: int, depth: int, most: int, channels: int) -> int:
    """Convolution and batch norm (two numbers a channel) of every block."""
    sizes = [min(most, width * 2**i) for i in range(depth + 1)]
    down = [(channels if i == 0 else sizes[i], sizes[i + 1]) for i in range(depth)]
    up = [(sizes[i + 1] * (1 if i == depth - 1 else 2), width if i == 0 else sizes[i]) for i in range(depth)]
    return sum(convolution(3, inputs, outputs) + 2 * outputs for inputs, outputs in down + up)


def by_hand(model: Any) -> dict[str, int]:
    """The published architecture, counted."""
    detector, motion, generator = model["detector"], model["dense_motion"], model["generator"]
    jacobians = {None: 0, "each": 4 * detector["count"], "shared": 4}[detector["jacobians"]]
    features, motions = detector["width"] + 3, detector["count"] + 1
    count = {"detector": hourglass(detector["width"], detector["depth"], detector["most"], 3)}
    count["detector"] += convolution(7, features, detector["count"])
    count["detector"] += convolution(7, features, jacobians) if jacobians else 0
    features = motion["width"] + 4 * motions
    count["dense_motion"] = hourglass(motion["width"], motion["depth"], motion["most"], 4 * motions)
    count["dense_motion"] += convolution(7, features, motions) + motion["visibility"] * convolution(7, features, 1)
    sizes = [min(generator["most"], generator["width"] * 2**i) for i in range(generator["down_blocks"] + 1)]
    steps = list(itertools.pairwise(sizes))
    blocks = sum(convolution(3, a, b) + 2 * b + convolution(3, b, a) + 2 * a for a, b in steps)
    residual = generator["residual_blocks"] * 2 * (convolution(3, sizes[-1], sizes[-1]) + 2 * sizes[-1])
    ends = convolution(7, 3, sizes[0]) + 2 * sizes[0] + convolution(7, sizes[0], 3)
    return {**count, "generator": blocks + residual + ends}


@functools.cache
def counted(settings: str, size: int) -> dict[str, int]:
    """The parameters of each part; settings as JSON."""
    module, image = build("fomm", json.loads(settings)), jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    variables = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x), image)
    return {part: sum(x.size for x in jax.tree.leaves(tree)) for part, tree in variables["params"].items()}


def test_the_published_counts():
    found = counted(json.dumps(published("fomm")), 256)
    assert found["detector"] == PUBLISHED["detector"]
    assert found["dense_motion"] + found["generator"] == PUBLISHED["dense_motion and generator"]


def test_the_published_counts_are_those_of_the_original(reference):
    params = json.loads((reference / "state_dicts" / "fomm_layers.json").read_text())["params"]
    assert params["kp_detector"] == PUBLISHED["detector"]
    assert params["generator"] == PUBLISHED["dense_motion and generator"]


@pytest.mark.parametrize("name", ["", *variants(), *ablations()])
def test_every_configuration_builds_with_the_parameters_that_it_should_have(name):
    config = get_config(name)
    expected = by_hand(config.model)
    assert counted(json.dumps(config.model.to_dict()), config.size) == expected
    if not name:
        assert expected["detector"] == PUBLISHED["detector"]
        assert expected["dense_motion"] + expected["generator"] == PUBLISHED["dense_motion and generator"]


def test_a_shared_jacobian_map_has_four_channels():
    settings = published("fomm")
    settings["detector"] |= {"jacobians": "shared", "width": 4, "depth": 2}
    assert counted(json.dumps(settings), 256)["detector"] == by_hand(settings)["detector"]
