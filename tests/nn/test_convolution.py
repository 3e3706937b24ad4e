"""Convolutions: every form of one against SciPy's correlation, and PyTorch's initial values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from tests.nn.samples import numbers
from thf_jax.errors import InputError
from thf_jax.nn.convolution import SMALL_MAP, convolve, convolve_doubled, double
from thf_jax.nn.layers import Conv

KERNEL = numbers(3, 3, 2, 4, seed=1)
run = jax.jit(convolve, static_argnames=("padding", "stride"))


def correlate(x: np.ndarray, kernel: np.ndarray, padding: int) -> np.ndarray:
    """In float64, one image and one pair of channels at a time."""
    x = np.pad(x.astype(np.float64), ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = (size - span + 1 for size, span in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    result = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for b, c, f in np.ndindex(len(x), kernel.shape[2], kernel.shape[3]):
        result[b, ..., f] += scipy.signal.correlate2d(x[b, ..., c], kernel[..., c, f], "valid")
    return result


@pytest.mark.parametrize(
    ("size", "span", "padding", "small"),
    [
        ((4, 4), 3, 1, True),
        ((1, 3), 3, 1, True),
        ((7, 8), 7, 0, True),
        ((2, 2), 7, 3, True),
        ((5, 4), 3, 1, False),
        ((9, 8), 4, 0, False),
        ((6, 6), 1, 0, False),
    ],
)
def test_convolution_is_a_correlation_for_small_maps_and_large(size, span, padding, small):
    x, kernel = numbers(2, *size, 2), numbers(span, span, 2, 3, seed=1)
    expected = correlate(np.asarray(x), np.asarray(kernel), padding)
    assert (expected.shape[1] * expected.shape[2] <= SMALL_MAP) is small
    np.testing.assert_allclose(run(x, kernel, padding=padding), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "span", "padding", "small"),
    [
        ((8, 8), 4, 1, True),
        ((2, 2), 4, 1, True),
        ((7, 5), 3, 1, True),
        ((12, 10), 4, 1, False),
        ((11, 12), 3, 0, False),
    ],
)
def test_a_stride_of_two_computes_every_other_row_and_column(size, span, padding, small):
    x, kernel = numbers(2, *size, 2), numbers(span, span, 2, 3, seed=1)
    expected = correlate(np.asarray(x), np.asarray(kernel), padding)[:, ::2, ::2]
    assert (expected.shape[1] * expected.shape[2] <= SMALL_MAP) is small
    np.testing.assert_allclose(run(x, kernel, padding=padding, stride=2), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("size", "span", "padding"), [((3, 8), 4, 0), ((8, 4), 7, 1), ((2, 2), 4, 0)])
def test_a_map_of_which_nothing_would_be_left_is_refused(size, span, padding):
    with pytest.raises(
        InputError, match=rf"a map of {size[0]} x {size[1]} is too small for a {span} x {span} convolution"
    ):
        convolve(numbers(1, *size, 2), numbers(span, span, 2, 3), padding=padding)


def test_the_form_for_small_maps_has_the_gradients_of_the_library():
    def library(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def gradients(function):
        direction = numbers(2, 3, 4, 4, seed=2)
        loss = jax.jit(jax.grad(lambda x, kernel: (function(x, kernel) * direction).sum(), argnums=(0, 1)))
        return loss(numbers(2, 3, 4, 2), KERNEL)

    for ours, theirs in zip(gradients(lambda x, k: convolve(x, k, padding=1)), gradients(library), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4)])
def test_convolving_a_doubled_map_for_less(size):
    x = numbers(2, *size, 2)
    expected = correlate(np.asarray(double(x)), np.asarray(KERNEL), 1)
    np.testing.assert_allclose(jax.jit(convolve_doubled)(x, KERNEL), expected, rtol=1e-4, atol=1e-4)


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
