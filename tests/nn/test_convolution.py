"""Convolutions: every form of one against SciPy's correlation; pooling and enlarging."""

import jax
import numpy as np
import pytest

from tests.nn.samples import correlate, numbers
from thf_jax.errors import InputError
from thf_jax.nn import convolution
from thf_jax.nn.convolution import SMALL_MAP, average_pool, convolve, convolve_doubled, double

KERNEL = numbers(3, 3, 2, 4, seed=1)
X = numbers(2, 6, 5, 3)
run = jax.jit(convolve, static_argnames=("padding", "stride"))


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
@pytest.mark.parametrize("fewest", [0, convolution.DOUBLED_MAP])
def test_convolving_a_doubled_map_for_less(size, fewest, monkeypatch):
    monkeypatch.setattr(convolution, "DOUBLED_MAP", fewest)
    x = numbers(2, *size, 2)
    expected = correlate(np.asarray(double(x)), np.asarray(KERNEL), 1)
    np.testing.assert_allclose(
        jax.jit(lambda *given: convolve_doubled(*given))(x, KERNEL), expected, rtol=1e-4, atol=1e-4
    )


def test_average_pool_drops_an_odd_last_row_and_column():
    x = np.asarray(X)
    expected = x[:, :6, :4].reshape(2, 3, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(average_pool(X), expected, atol=1e-6)
    np.testing.assert_allclose(average_pool(X[:, :5]), expected[:, :2], atol=1e-6)


def test_double_repeats_every_pixel():
    np.testing.assert_array_equal(double(X), np.kron(X, np.ones((1, 2, 2, 1))))
