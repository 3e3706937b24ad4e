"""The blocks on volumes [b z h w c]: as wide along z, pooled and enlarged along h and w alone; maps read as volumes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from tests.nn.samples import numbers, positive, shapes
from thf_jax.errors import InputError
from thf_jax.nn.blocks import DownBlock, UpBlock
from thf_jax.nn.convolution import SMALL_MAP, average_pool, convolve, convolve_doubled, double
from thf_jax.nn.hourglass import Hourglass
from thf_jax.nn.layers import Conv
from thf_jax.nn.volume import to_map, to_volume

KERNEL = numbers(3, 3, 3, 2, 4, seed=1)
X = numbers(2, 3, 4, 6, 2)


def correlate(x, kernel, padding: int, stride: int = 1) -> np.ndarray:
    """In float64, one map or volume and one pair of channels at a time."""
    sides = x.ndim - 2
    x = np.pad(np.asarray(x, np.float64), ((0, 0), *[(padding, padding)] * sides, (0, 0)))
    kernel = np.asarray(kernel, np.float64)

    def one(b: int, f: int) -> np.ndarray:
        pairs = zip(np.moveaxis(x[b], -1, 0), np.moveaxis(kernel[..., f], -1, 0), strict=True)
        return sum(scipy.signal.correlate(channel, taps, "valid") for channel, taps in pairs)

    maps = np.stack([np.stack([one(b, f) for f in range(kernel.shape[-1])], -1) for b in range(len(x))])
    return maps[:, *[slice(None, None, stride)] * sides]


@pytest.mark.parametrize(
    ("shape", "span", "padding", "stride", "small"),
    [
        ((2, 2, 3), (3, 3, 3), 1, 1, True),
        ((3, 4, 6), (3, 3, 3), 1, 1, False),
        ((3, 4, 6), (3, 3, 3), 1, 2, True),
        ((5, 9, 10), (3, 3, 3), 1, 2, False),
        ((9, 7, 8), (7, 7, 7), 3, 1, False),
        ((9, 8), (7, 7), 3, 2, False),
        ((9, 8), (3, 3), 1, 2, False),
        ((5, 5), (1, 1), 0, 2, True),
    ],
)
def test_convolution_of_any_number_of_axes_and_stride(shape, span, padding, stride, small):
    x, kernel = numbers(2, *shape, 2), numbers(*span, 2, 3, seed=1)
    expected = correlate(x, kernel, padding, stride)
    assert (math.prod(expected.shape[-3:-1]) <= SMALL_MAP) is small
    run = jax.jit(convolve, static_argnames=("padding", "stride"))
    np.testing.assert_allclose(run(x, kernel, padding=padding, stride=stride), expected, rtol=1e-4, atol=1e-4)


def test_every_form_of_a_convolution_in_3_d_has_the_librarys_gradients():
    def library(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC"))

    def gradients(function, x):
        direction = numbers(*x.shape[:-1], 4, seed=2)
        return jax.jit(jax.grad(lambda *y: (function(*y) * direction).sum(), argnums=(0, 1)))(x, KERNEL)

    for x in (X[:, :, :2], X):
        ours, theirs = (gradients(function, x) for function in (lambda x, k: convolve(x, k, padding=1), library))
        for actual, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_which_form_it_takes_is_settled_when_it_is_compiled():
    """Slice by slice on a CPU; other devices have libraries for volumes."""
    arguments = (jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (X, KERNEL))
    traced = jax.jit(lambda x, k: convolve(x, k, padding=1)).trace(*arguments)
    ours, accelerators = (traced.lower(lowering_platforms=(name,)).as_text() for name in ("cpu", "cuda"))
    assert (ours.count("stablehlo.convolution"), accelerators.count("stablehlo.convolution")) == (3, 1)
    assert "conditional(" not in traced.lower().compile().as_text()


def test_a_volume_of_which_nothing_would_be_left_is_refused():
    with pytest.raises(InputError, match="a map of 2 x 4 x 4 is too small for a 3 x 3 x 3 convolution"):
        convolve(numbers(1, 2, 4, 4, 2), KERNEL)


def test_pooling_and_doubling_leave_the_depth():
    np.testing.assert_array_equal(double(X), np.kron(X, np.ones((1, 1, 2, 2, 1))))
    by_slice = np.stack([average_pool(X[:, z]) for z in range(3)], 1)
    np.testing.assert_allclose(average_pool(X), by_slice, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 3), (2, 5, 4)])
def test_convolving_a_doubled_volume_for_less(size):
    x = numbers(2, *size, 2)
    expected = correlate(double(x), KERNEL, 1)
    np.testing.assert_allclose(jax.jit(convolve_doubled)(x, KERNEL), expected, rtol=1e-4, atol=1e-4)


def test_the_layer_is_as_wide_along_every_axis():
    params = shapes(Conv(4, 3), X)[1]["params"]
    assert params["kernel"].shape == (3, 3, 3, 2, 4)
    y = Conv(4, 3).apply({"params": {"kernel": KERNEL, "bias": jnp.arange(4.0)}}, X)
    np.testing.assert_allclose(y, correlate(X, KERNEL, 1) + np.arange(4), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("block", "shape"), [(DownBlock(5), (2, 3, 2, 3, 5)), (UpBlock(5), (2, 3, 8, 12, 5))])
def test_blocks_on_volumes(block, shape):
    variables = positive(block, X, train=False)
    y = jax.jit(lambda v, x: block.apply(v, x, train=False))(variables, X)
    params, stats = variables["params"], variables["batch_stats"]["norm"]
    values = correlate(double(X) if isinstance(block, UpBlock) else X, params["conv"]["kernel"], 1)
    values = (values + params["conv"]["bias"] - stats["mean"]) / np.sqrt(np.asarray(stats["var"]) + 1e-5)
    values = np.maximum(0, values * params["norm"]["scale"] + params["norm"]["bias"])
    expected = average_pool(jnp.asarray(values)) if isinstance(block, DownBlock) else values
    assert y.shape == shape
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_an_hourglass_of_volumes():
    output, variables = shapes(Hourglass(4, 2, 8), numbers(1, 3, 8, 4, 5), train=False)
    assert output.shape == (1, 3, 8, 4, 9)
    assert variables["params"]["up1"]["conv"]["kernel"].shape == (3, 3, 3, 16, 4)
    with pytest.raises(InputError, match="must be multiples of 4, not 6 x 4"):
        shapes(Hourglass(4, 2, 8), numbers(1, 4, 6, 4, 5), train=False)


def test_channels_are_depth_and_the_rest_depth_fastest():
    x = numbers(2, 3, 4, 6)
    volume = to_volume(x, 2)
    for c, z in np.ndindex(3, 2):
        np.testing.assert_array_equal(volume[:, z, :, :, c], x[..., 2 * c + z])
    np.testing.assert_array_equal(to_map(volume), x)
    with pytest.raises(InputError, match="6 channels make no volume of a depth of 4"):
        to_volume(x, 4)
