"""The bottleneck block: its widths, and how it starts."""

import jax
import numpy as np
import pytest

from tests.nn.samples import numbers, shapes
from thf_jax.nn.bottleneck import BottleneckBlock


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_is_a_quarter_as_wide_in_between(stride):
    _, variables = shapes(BottleneckBlock(stride), numbers(1, 8, 8, 8), train=False)
    sizes = {name: part["kernel"].shape for name, part in variables["params"].items() if "kernel" in part}
    skip = {"skip": (1, 1, 8, 8)} if stride == 2 else {}
    assert sizes == {"conv1": (1, 1, 8, 2), "conv2": (3, 3, 2, 2), "conv3": (1, 1, 2, 8)} | skip


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_starts_as_its_way_past_the_branch(stride):
    x = numbers(2, 8, 8, 8)
    variables = BottleneckBlock(stride).init(jax.random.key(0), x, train=False)
    params = variables["params"]
    others = jax.tree.map(
        lambda value: value + 1, {name: params[name] for name in ("conv1", "norm1", "conv2", "conv3")}
    )
    y, z = (
        BottleneckBlock(stride).apply({**variables, "params": p}, x, train=False) for p in (params, params | others)
    )
    np.testing.assert_array_equal(y, z)
    if stride == 1:
        np.testing.assert_array_equal(y, np.maximum(x, 0))
