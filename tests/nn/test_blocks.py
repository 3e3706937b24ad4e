"""The blocks as compositions of their parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers, positive
from thf_jax.nn.blocks import DownBlock, GroupBlock, ResidualBlock, SameBlock, UpBlock, widths
from thf_jax.nn.convolution import average_pool, convolve, double
from thf_jax.nn.layers import Dense, GroupConv

X = numbers(2, 6, 5, 3)


def conv(variables, name: str, x):
    params = variables["params"][name]
    return convolve(x, params["kernel"], padding=params["kernel"].shape[0] // 2) + params["bias"]


def norm_relu(variables, name: str, x, train: bool):
    """Batch norm and ReLU by hand."""
    statistics = variables["batch_stats"][name]
    axes = tuple(range(x.ndim - 1))
    mean, var = (x.mean(axes), x.var(axes)) if train else (statistics["mean"], statistics["var"])
    params = variables["params"][name]
    return jnp.maximum(0, (x - mean) / jnp.sqrt(var + 1e-5) * params["scale"] + params["bias"])


@pytest.mark.parametrize(
    ("block", "before", "after"),
    [
        (SameBlock(4, 7), lambda x: x, lambda x: x),
        (DownBlock(4), lambda x: x, average_pool),
        (UpBlock(4), double, lambda x: x),
    ],
    ids=["same", "down", "up"],
)
@pytest.mark.parametrize("train", [True, False])
def test_a_block_is_convolution_norm_and_relu(block, before, after, train):
    variables = positive(block, X, train=False)
    y, updated = jax.jit(lambda v, x: block.apply(v, x, train=train, mutable="batch_stats"))(variables, X)
    expected = after(norm_relu(variables, "norm", conv(variables, "conv", before(X)), train))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    same = jax.tree.map(np.array_equal, updated["batch_stats"], variables["batch_stats"])
    assert all(jax.tree.leaves(same)) is not train


@pytest.mark.parametrize("train", [True, False])
def test_a_residual_block_normalises_first(train):
    block = ResidualBlock()
    variables = positive(block, X, train=False)
    y, _ = jax.jit(lambda v, x: block.apply(v, x, train=train, mutable="batch_stats"))(variables, X)
    branch = X
    for index in "12":
        branch = conv(variables, f"conv{index}", norm_relu(variables, f"norm{index}", branch, train))
    np.testing.assert_allclose(y, X + branch, rtol=1e-4, atol=1e-4)


def test_widths_double_up_to_the_most():
    assert widths(32, 1024, 5) == [64, 128, 256, 512, 1024]
    assert widths(64, 1024, 5) == [128, 256, 512, 1024, 1024]
    assert widths(64, 512, 0) == []


@pytest.mark.parametrize("train", [True, False])
def test_a_group_block_is_convolution_norm_and_relu(train):
    x, block = numbers(2, 4, 3, 6), GroupBlock(groups=3)
    variables = positive(block, x, train=False)
    y, _ = jax.jit(lambda v, x: block.apply(v, x, train=train, mutable="batch_stats"))(variables, x)
    inner = GroupConv(groups=3).apply({"params": variables["params"]["conv"]}, x)
    np.testing.assert_allclose(y, norm_relu(variables, "norm", inner, train), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("module", "x", "options"),
    [
        (SameBlock(4), X, {"train": True}),
        (GroupBlock(3), X, {"train": True}),
        (Dense(4, bias_cancels=True), numbers(5, 3), {}),
    ],
    ids=["same", "group", "dense"],
)
def test_a_bias_that_a_norm_takes_away_again_has_a_gradient_of_exactly_0(module, x, options):
    """Float arithmetic would give noise, which Adam divides by its own size."""
    variables = positive(module, x, **({"train": False} if options else {}))

    def loss(params):
        y = module.apply({**variables, "params": params}, x, mutable=list(variables), **options)[0]
        return jnp.sin(y).sum()

    gradient = jax.jit(jax.grad(loss))(variables["params"])
    layer = gradient.get("conv", gradient)
    assert not np.asarray(layer["bias"]).any()
    assert np.asarray(layer["kernel"]).any()
