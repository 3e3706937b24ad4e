"""ConvNeXt V2 against NumPy, one layer after the other, and the perceptron."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers, positive, shapes
from thf_jax.nn.convnext import ConvNeXt, ConvNeXtBlock, ResponseNorm
from thf_jax.nn.perceptron import Perceptron

X = numbers(2, 5, 6, 3)


def layer_norm(params, x: np.ndarray) -> np.ndarray:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-6) * params["scale"] + params["bias"]


def linear(params, x: np.ndarray) -> np.ndarray:
    return x @ params["kernel"] + params["bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    """x times the probability that a standard normal number is smaller."""
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def response_norm(params, x: np.ndarray) -> np.ndarray:
    norm = np.sqrt((x**2).sum((1, 2), keepdims=True))
    share = norm / (norm.mean(-1, keepdims=True) + 1e-6)
    return params["gamma"] * x * share + params["beta"] + x


def depthwise(params, x: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)))
    h, w = x.shape[1:3]
    taps = (padded[:, i : i + h, j : j + w] * params["kernel"][i, j, 0] for i in range(7) for j in range(7))
    return sum(taps) + params["bias"]


def block(params, x: np.ndarray) -> np.ndarray:
    y = layer_norm(params["norm"], depthwise(params["depthwise"], x))
    y = response_norm(params["response"], gelu(linear(params["expand"], y)))
    return x + linear(params["project"], y)


def shrink(params, x: np.ndarray, factor: int) -> np.ndarray:
    b, h, w, c = x.shape
    patches = x.reshape(b, h // factor, factor, w // factor, factor, c).transpose(0, 1, 3, 2, 4, 5)
    return (
        patches.reshape(b, h // factor, w // factor, -1) @ params["kernel"].reshape(-1, params["bias"].size)
        + params["bias"]
    )


def in_numpy(variables):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def test_response_normalisation():
    variables = positive(ResponseNorm(), X)
    close(ResponseNorm().apply(variables, X), response_norm(in_numpy(variables), np.asarray(X, np.float64)))


def test_response_normalisation_begins_as_the_identity():
    found, _ = ResponseNorm().init_with_output(jax.random.key(0), X)
    np.testing.assert_array_equal(found, X)


def test_a_silent_channel_has_a_finite_slope():
    module, x = ResponseNorm(), numbers(1, 3, 3, 4).at[..., 2].set(0.0)
    variables = {"params": {"gamma": jnp.ones(4), "beta": jnp.zeros(4)}}
    slope = jax.grad(lambda x: module.apply(variables, x).sum())(x)
    assert np.isfinite(slope).all() and np.abs(slope[..., 2]).min() > 0


def test_a_block():
    variables = positive(ConvNeXtBlock(), X)
    found = jax.jit(ConvNeXtBlock().apply)(variables, X)
    np.testing.assert_allclose(found, block(in_numpy(variables), np.asarray(X, np.float64)), rtol=1e-4)


def test_the_whole_network():
    """The first shrinking is normalised after it, the second before."""
    module, image = ConvNeXt((1, 2), (4, 6)), numbers(2, 16, 24, 3)
    variables = positive(module, image)
    params, x = in_numpy(variables), np.asarray(image, np.float64)
    x = block(params["stage0_0"], layer_norm(params["norm0"], shrink(params["shrink0"], x, 4)))
    x = shrink(params["shrink1"], layer_norm(params["norm1"], x), 2)
    x = block(params["stage1_1"], block(params["stage1_0"], x))
    close(jax.jit(module.apply)(variables, image), layer_norm(params["norm"], x.mean((1, 2))))


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_a_perceptron(hidden):
    module, x = Perceptron(hidden, 2), numbers(3, 7)
    _, variables = shapes(module, x)
    random = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: jnp.asarray(random.standard_normal(leaf.shape), jnp.float32), variables)
    params, expected = in_numpy(variables), np.asarray(x, np.float64)
    for index in range(len(hidden) + 1):
        expected = linear(params[f"layer{index}"], np.maximum(expected, 0) if index else expected)
    close(module.apply(variables, x), expected)
