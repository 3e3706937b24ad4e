"""Batch norm: the batch's statistics in training, running ones otherwise, averaged as PyTorch does it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests.nn.samples import numbers
from thf_jax.nn.blocks import SameBlock
from thf_jax.nn.layers import BatchNorm
from thf_jax.nn.named_axis import batch_norm_over

X = 3 + 2 * numbers(8, 3, 2, 4)
VARIABLES = {
    "params": {"scale": numbers(4, seed=1), "bias": numbers(4, seed=2)},
    "batch_stats": {"mean": numbers(4, seed=3), "var": 1 + numbers(4, seed=4) ** 2},
}


def normalised(x, mean, var) -> np.ndarray:
    scale, bias = (np.asarray(VARIABLES["params"][name], np.float64) for name in ("scale", "bias"))
    return (np.asarray(x, np.float64) - mean) / np.sqrt(np.asarray(var, np.float64) + 1e-5) * scale + bias


@functools.partial(jax.jit, static_argnames="layer")
def train(x, layer=BatchNorm()):  # noqa: B008, a module is a frozen value
    return layer.apply(VARIABLES, x, train=True, mutable="batch_stats")


def test_training_normalises_with_the_biased_variance():
    y, _ = train(X)
    values = np.asarray(X, np.float64).reshape(-1, 4)
    np.testing.assert_allclose(y, normalised(X, values.mean(0), values.var(0)), atol=1e-5)


def test_the_running_variance_takes_in_the_unbiased_one():
    _, updated = train(X)
    values, before = np.asarray(X, np.float64).reshape(-1, 4), VARIABLES["batch_stats"]
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.9 * before["mean"] + 0.1 * values.mean(0), rtol=1e-5)
    expected = 0.9 * before["var"] + 0.1 * values.var(0, ddof=1)
    np.testing.assert_allclose(updated["batch_stats"]["var"], expected, rtol=1e-5)
    biased = 0.9 * before["var"] + 0.1 * values.var(0)
    assert np.abs(expected - biased).min() > 1e-3  # the two can be told apart here


def test_evaluation_uses_the_running_statistics_and_keeps_them():
    y, updated = BatchNorm().apply(VARIABLES, X, train=False, mutable="batch_stats")
    np.testing.assert_allclose(y, normalised(X, **VARIABLES["batch_stats"]), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, updated["batch_stats"], VARIABLES["batch_stats"])


def test_momentum_and_epsilon_are_settings():
    y, updated = train(X, BatchNorm(momentum=0.0, epsilon=1.0))
    values = np.asarray(X, np.float64).reshape(-1, 4)
    np.testing.assert_allclose(updated["batch_stats"]["var"], values.var(0, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(y, normalised(X, values.mean(0), values.var(0) + 1 - 1e-5), atol=1e-5)


def test_initialising_looks_at_no_data():
    variables = BatchNorm().init(jax.random.key(0), X, train=True)
    expected = {
        "params": {"scale": np.ones(4), "bias": np.zeros(4)},
        "batch_stats": {"mean": np.zeros(4), "var": np.ones(4)},
    }
    jax.tree.map(np.testing.assert_array_equal, variables, expected)


def test_a_single_value_has_no_variance_and_no_nan():
    y, updated = train(X[:1, :1, :1])
    # Before its mean is taken off, the value is a thousand standard deviations large: float32 keeps 1e-4 of that.
    np.testing.assert_allclose(y[0, 0, 0], VARIABLES["params"]["bias"], atol=1e-3)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.9 * VARIABLES["batch_stats"]["var"], rtol=1e-6)


def test_statistics_are_of_float32_where_activations_are_of_half():
    x = (100 + X).astype(jnp.bfloat16)
    y, updated = train(x)
    assert y.dtype == jnp.bfloat16 and updated["batch_stats"]["var"].dtype == jnp.float32
    expected = 0.9 * VARIABLES["batch_stats"]["var"] + 0.1 * np.asarray(x, np.float64).reshape(-1, 4).var(0, ddof=1)
    np.testing.assert_allclose(updated["batch_stats"]["var"], expected, rtol=1e-4)


def test_under_a_named_axis_the_statistics_are_those_of_all_however_deep_the_layer_lies():
    class Network(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            return SameBlock(5)(nn.relu(BatchNorm()(x, train=train)), train=train)

    variables = Network().init(jax.random.key(0), X, train=True)

    def apply(x, axis_name=None):
        with batch_norm_over(axis_name):
            return Network().apply(variables, x, train=True, mutable="batch_stats")

    y, updated = jax.vmap(lambda x: apply(x, "parts"), axis_name="parts")(X.reshape(4, 2, *X.shape[1:]))
    whole, expected = apply(X)
    np.testing.assert_allclose(y.reshape(whole.shape), whole, atol=1e-5)
    jax.tree.map(lambda ours, wanted: np.testing.assert_allclose(ours, [wanted] * 4, rtol=1e-5), updated, expected)


def test_a_batch_split_over_devices_has_the_statistics_of_all():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    y, updated = train(jax.device_put(X, NamedSharding(mesh, PartitionSpec("data"))))
    whole, expected = train(X)
    np.testing.assert_allclose(y, whole, atol=1e-5)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), updated, expected)


@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 2, 2, 4)])
def test_any_number_of_axes_stands_before_the_channels(shape):
    x = numbers(*shape)
    values = np.asarray(x, np.float64).reshape(-1, 4)
    np.testing.assert_allclose(train(x)[0], normalised(x, values.mean(0), values.var(0)), atol=1e-4)
