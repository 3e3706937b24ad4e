"""Layers: what they compute, and PyTorch's initial values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.nn.samples import correlate, numbers, positive
from thf_jax.nn.convolution import double
from thf_jax.nn.layers import Conv, Dense, GroupConv

KERNEL = numbers(3, 3, 2, 4, seed=1)


@pytest.mark.parametrize(
    ("padding", "doubled", "expected"), [(None, False, (6, 5)), (0, False, (4, 3)), (None, True, (12, 10))]
)
def test_the_layer_adds_its_bias_to_the_convolution(padding, doubled, expected):
    x, bias = numbers(2, 6, 5, 2), numbers(4, seed=3)
    y = Conv(4, 3, padding, doubled).apply({"params": {"kernel": KERNEL, "bias": bias}}, x)
    seen = np.asarray(double(x) if doubled else x)
    assert y.shape == (2, *expected, 4)
    by_hand = correlate(seen, np.asarray(KERNEL), 1 if padding is None else 0) + np.asarray(bias)
    np.testing.assert_allclose(y, by_hand, rtol=1e-4, atol=1e-4)


def test_the_layer_without_bias_has_its_kernel_alone():
    layer, x = Conv(4, 4, 1, stride=2, use_bias=False), numbers(2, 10, 12, 2)
    params = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    assert set(params) == {"kernel"}
    by_hand = correlate(np.asarray(x), np.asarray(params["kernel"]), 1)[:, ::2, ::2]
    np.testing.assert_allclose(layer.apply({"params": params}, x), by_hand, rtol=1e-4, atol=1e-4)


def test_activations_of_half_precision_stay_so():
    y = Conv(4, 3).apply({"params": {"kernel": KERNEL, "bias": jnp.zeros(4)}}, numbers(1, 5, 5, 2).astype(jnp.bfloat16))
    assert y.dtype == jnp.bfloat16


def test_initial_values_are_pytorchs():
    """Uniform within 1 / sqrt(fan in), kernel and bias alike."""
    params = jax.jit(Conv(64, 5).init)(jax.random.key(0), jnp.zeros((1, 8, 8, 6)))["params"]
    bound = (5 * 5 * 6) ** -0.5
    for values in (np.asarray(params["kernel"]), np.asarray(params["bias"])):
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.15)
    assert params["kernel"].std() == pytest.approx(bound / 3**0.5, rel=0.02)


def test_a_dense_layer_is_a_matrix_product_and_starts_as_pytorchs():
    x, layer = numbers(2, 50), Dense(400)
    variables = layer.init(jax.random.key(0), x)
    kernel, bias = (np.asarray(variables["params"][name], np.float64) for name in ("kernel", "bias"))
    np.testing.assert_allclose(layer.apply(variables, x), np.asarray(x) @ kernel + bias, rtol=1e-4, atol=1e-5)
    # Uniform within 1 / sqrt(inputs): its largest value, and its standard deviation.
    for values in (kernel, bias):
        assert np.abs(values).max() == pytest.approx(50**-0.5, rel=0.02)
        assert values.std() == pytest.approx((3 * 50) ** -0.5, rel=0.1)


def test_a_group_sees_no_other_groups_channels():
    x, module = numbers(2, 4, 3, 6), GroupConv(groups=3)
    variables = positive(module, x)
    kernel, bias = (np.asarray(variables["params"][name], np.float64) for name in ("kernel", "bias"))
    # Torch's layout: each output channel has its own row of the inputs of its group.
    assert kernel.shape == (1, 1, 2, 6)
    expected = np.zeros(x.shape)
    for channel in range(6):
        for i in range(2):
            expected[..., channel] += np.asarray(x)[..., channel // 2 * 2 + i] * kernel[0, 0, i, channel]
    np.testing.assert_allclose(module.apply(variables, x), expected + bias, rtol=1e-5, atol=1e-5)
    lax = jax.lax.conv_general_dilated(
        x,
        variables["params"]["kernel"],
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=3,
    )
    np.testing.assert_allclose(module.apply(variables, x), lax + variables["params"]["bias"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "digits"), [(jnp.float32, 1e-5), (jnp.bfloat16, 1e-2)])
def test_two_convolutions_as_one_are_what_they_are_apart(kind, digits):
    class Heads(nn.Module):
        together: bool

        @nn.compact
        def __call__(self, x):
            first = Conv(2, 3, padding=0, precise_result=True, bias_cancels=True, name="first")
            second = Conv(3, 3, padding=0, precise_result=True, name="second")
            return first.beside(second, x) if self.together else (first(x), second(x))

    x = numbers(2, 8, 9, 4).astype(kind)
    variables = Heads(False).init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, variables, Heads(True).init(jax.random.key(0), x))

    def loss(variables, together):
        results = Heads(together).apply(variables, x)
        return sum((result * numbers(*result.shape)).sum() for result in results), results

    (_, apart), slopes = jax.value_and_grad(loss, has_aux=True)(variables, False)
    (_, joined), joint_slopes = jax.value_and_grad(loss, has_aux=True)(variables, True)
    assert [result.dtype for result in joined] == [jnp.float32] * 2
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=digits, atol=digits), apart, joined)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=digits, atol=10 * digits), slopes, joint_slopes)
    assert not np.asarray(joint_slopes["params"]["first"]["bias"]).any()
