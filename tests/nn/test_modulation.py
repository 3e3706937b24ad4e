"""SPADE and its residual block as compositions of their parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers, positive
from thf_jax.errors import InputError
from thf_jax.nn.convolution import convolve
from thf_jax.nn.modulation import SPADE, SPADEResidualBlock, enlarge

X, GUIDE = numbers(2, 8, 4, 3), numbers(2, 4, 2, 5, seed=1)


def conv(variables, name: str, x):
    params = variables["params"][name]
    return convolve(x, params["kernel"], padding=1) + params["bias"]


def test_maps_are_enlarged_by_repetition():
    np.testing.assert_array_equal(enlarge(GUIDE, (8, 6)), np.kron(GUIDE, np.ones((1, 2, 3, 1))))
    with pytest.raises(InputError, match="a map of 4 x 2 cannot be repeated to 6 x 4"):
        enlarge(GUIDE, (6, 4))


def modulated(variables, x, guide):
    repeated = jnp.asarray(np.kron(guide, np.ones((1, 2, 2, 1), np.float32)))
    hidden = jnp.maximum(0, conv(variables, "shared", repeated))
    mean, deviation = x.mean((1, 2), keepdims=True), np.sqrt(np.asarray(x).var((1, 2), keepdims=True) + 1e-5)
    return (x - mean) / deviation * (1 + conv(variables, "gamma", hidden)) + conv(variables, "beta", hidden)


def test_spade_paints_scale_and_shift():
    variables = positive(SPADE(4), X, GUIDE)
    y = jax.jit(SPADE(4).apply)(variables, X, GUIDE)
    np.testing.assert_allclose(y, modulated(variables, X, GUIDE), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("features", [3, 2, 4])
def test_a_residual_block_divides_its_kernels_and_changes_the_width_by_a_third_one(features):
    block = SPADEResidualBlock(features, width=4)
    variables = positive(block, X, GUIDE, train=False)
    y = jax.jit(lambda v, *x: block.apply(v, *x, train=False))(variables, X, GUIDE)

    def part(name: str):
        return {"params": variables["params"][name]}

    def divided(name: str, x):
        params, vectors = variables["params"][name], variables["spectral"][name]
        matrix = params["kernel"].transpose(3, 2, 0, 1).reshape(params["kernel"].shape[-1], -1)
        kernel = params["kernel"] / (vectors["u"] @ matrix @ vectors["v"])
        return convolve(x, kernel, padding=kernel.shape[0] // 2) + params.get("bias", 0)

    branch = X
    for index in "01":
        branch = modulated(part(f"norm{index}"), branch, GUIDE)
        branch = divided(f"conv{index}", jnp.where(branch > 0, branch, 0.2 * branch))
    changes = features != X.shape[-1]
    assert ("shortcut" in variables["params"]) is changes
    assert variables["params"]["conv0"]["bias"].shape == (min(features, 3),)
    shortcut = divided("shortcut", modulated(part("shortcut_norm"), X, GUIDE)) if changes else X
    np.testing.assert_allclose(y, shortcut + branch, rtol=1e-3, atol=1e-3)


def test_training_follows_the_singular_values():
    block = SPADEResidualBlock(2, width=4)
    variables = positive(block, X, GUIDE, train=False)
    _, updated = jax.jit(lambda v, *x: block.apply(v, *x, train=True, mutable="spectral"))(variables, X, GUIDE)
    same = jax.tree.map(np.array_equal, updated["spectral"], variables["spectral"])
    assert not any(jax.tree.leaves(same))


def test_biases_that_a_norm_takes_away_have_a_gradient_of_exactly_0():
    """In a block before one that changes the width, every bias shifts a channel's mean, which is then taken away."""
    block, after = SPADEResidualBlock(3, width=4, bias_cancels=True), SPADEResidualBlock(2, width=4)
    variables, others = positive(block, X, GUIDE, train=False), positive(after, X, GUIDE, train=False)

    def pair(params):
        y = block.apply({**variables, "params": params}, X, GUIDE, train=False)
        return after.apply(others, y, GUIDE, train=False)

    params, direction = variables["params"], numbers(2, 8, 4, 2, seed=3)
    gradient = jax.jit(jax.grad(lambda params: (pair(params) * direction).sum()))(params)
    for name in ("conv0", "conv1"):
        assert not np.asarray(gradient[name]["bias"]).any() and np.asarray(gradient[name]["kernel"]).all()
        shifted = {**params, name: {**params[name], "bias": params[name]["bias"] + 1}}
        np.testing.assert_allclose(pair(shifted), pair(params), rtol=1e-4, atol=1e-4)
