"""Layers on bfloat16 features: what stays exact in them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers
from thf_jax.nn.layers import BatchNorm, Conv, Dense
from thf_jax.nn.spectral import SpectralConv

BIAS = 1 + 2**-10  # bfloat16 knows 1 and 1 + 2^-7, and nothing between them


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (Conv(2, 3, precise_result=True), {}),
        (SpectralConv(2, 3, normalize=False, padding=1, precise_result=True), {"train": True}),
        (Dense(2, precise=True), {}),
    ],
    ids=["conv", "spectral conv", "dense"],
)
def test_a_precise_layer_keeps_a_bias_that_bfloat16_cannot_hold(layer, options):
    x = numbers(1, 6, 6, 3).astype(jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x, **options)
    params = {"kernel": 0 * variables["params"]["kernel"], "bias": jnp.full(2, BIAS)}
    found = layer.apply({"params": params}, x, **options)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, np.full(found.shape, BIAS, np.float32))


def test_batch_norm_of_bfloat16_features_is_rounded_once():
    """A mean far from 0, of which arithmetic in bfloat16 would leave no digit of what is to be normalised."""
    x = (numbers(4, 5, 5, 3) + 200).astype(jnp.bfloat16)
    variables = BatchNorm().init(jax.random.key(0), x, train=True)
    found, changed = BatchNorm().apply(variables, x, train=True, mutable="batch_stats")
    values = np.asarray(x).astype(np.float64).reshape(-1, 3)
    expected = (values - values.mean(0)) / np.sqrt(values.var(0) + 1e-5)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32).reshape(-1, 3), expected, rtol=2**-8, atol=1e-4)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(changed))
    np.testing.assert_allclose(changed["batch_stats"]["var"], 0.9 + 0.1 * values.var(0, ddof=1), rtol=1e-5)
