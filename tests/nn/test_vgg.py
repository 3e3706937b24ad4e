"""VGG19's features: the taps, their shapes, and that a tap needs no layer after it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.nn.samples import numbers, picture, shapes
from thf_jax.errors import InputError
from thf_jax.nn.vgg import VGG19, max_pool

IMAGE = jnp.asarray(np.random.default_rng(1).uniform(0, 1, (1, 6, 5, 3)), jnp.float32)


@pytest.mark.parametrize("size", [(4, 6), (5, 6), (5, 7), (1, 4)])
def test_max_pool_is_the_librarys(size):
    x = numbers(2, *size, 3)
    expected = nn.max_pool(x, window_shape=(2, 2), strides=(2, 2))
    np.testing.assert_array_equal(max_pool(x), expected)


def test_max_pool_has_the_librarys_gradient():
    x, direction = numbers(1, 5, 6, 2), numbers(1, 2, 3, 2, seed=1)

    def library(x):
        return nn.max_pool(x, window_shape=(2, 2), strides=(2, 2))

    def gradient(function):
        return jax.jit(jax.grad(lambda x: (function(x) * direction).sum()))(x)

    np.testing.assert_array_equal(gradient(max_pool), gradient(library))


def test_the_published_layers():
    features, variables = shapes(VGG19(), picture(1, 64, 64, 3))
    assert [x.shape[1:] for x in features] == [(64, 64, 64), (32, 32, 128), (16, 16, 256), (8, 8, 512), (4, 4, 512)]
    widths = [variables["params"][f"conv{i}"]["kernel"].shape for i in range(len(variables["params"]))]
    outputs = [64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512]
    assert widths == [(3, 3, before, after) for before, after in zip([3, *outputs], outputs, strict=False)]


@pytest.mark.parametrize(("taps", "convolutions"), [(1, 1), (2, 3), (3, 5), (4, 9), (5, 13)])
def test_a_tap_needs_no_layer_after_it(taps, convolutions):
    features, variables = shapes(VGG19(taps), picture(1, 32, 32, 3))
    assert len(features) == taps
    assert set(variables["params"]) == {f"conv{i}" for i in range(convolutions)}


@pytest.mark.parametrize(
    ("taps", "size", "sentence"),
    [
        (0, (32, 32), "1 to 5 taps, not 0"),
        (6, (32, 32), "1 to 5 taps, not 6"),
        (4, (8, 7), "4 taps of VGG19 need images of at least 8 pixels, not 8 x 7"),
    ],
)
def test_taps_that_there_are_not_are_refused(taps, size, sentence):
    with pytest.raises(InputError, match=sentence):
        shapes(VGG19(taps), picture(1, *size, 3))


@pytest.fixture(scope="module")
def two_taps():
    return jax.jit(VGG19(2).init)(jax.random.key(0), IMAGE)


run = jax.jit(VGG19(2).apply)


def test_earlier_taps_do_not_depend_on_later_ones(two_taps):
    first, second = run(two_taps, IMAGE)
    (alone,) = VGG19(1).apply({"params": {"conv0": two_taps["params"]["conv0"]}}, IMAGE)
    np.testing.assert_allclose(alone, first, atol=1e-6)
    later = {**two_taps["params"], "conv1": jax.tree.map(jnp.negative, two_taps["params"]["conv1"])}
    changed = run({"params": later}, IMAGE)
    np.testing.assert_array_equal(changed[0], first)
    assert np.abs(changed[1] - second).max() > 0.1


def test_features_follow_from_normalised_colours(two_taps):
    """Of ImageNet's mean colour nothing but the bias is left, and one deviation more of green counts as 1."""
    kernel, bias = two_taps["params"]["conv0"]["kernel"], numbers(64, seed=2)
    mean, green = np.array([0.485, 0.456, 0.406]), np.array([0, 0.224, 0])
    for colour, response in ((mean, 0), (mean + green, np.asarray(kernel)[:, :, 1].sum((0, 1)))):
        image = jnp.broadcast_to(jnp.asarray(colour, jnp.float32), (1, 3, 3, 3))
        (features,) = VGG19(1).apply({"params": {"conv0": {"kernel": kernel, "bias": bias}}}, image)
        np.testing.assert_allclose(features[0, 1, 1], np.maximum(0, response + np.asarray(bias)), atol=1e-5)


def test_all_of_it_by_hand(two_taps):
    x = (IMAGE - jnp.array([0.485, 0.456, 0.406])) / jnp.array([0.229, 0.224, 0.225])

    def block(x, name):
        params = two_taps["params"][name]
        y = jax.lax.conv_general_dilated(
            x, params["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.maximum(0, y + params["bias"])

    first = block(x, "conv0")
    pooled = nn.max_pool(block(first, "conv1"), window_shape=(2, 2), strides=(2, 2))
    for ours, theirs in zip(run(two_taps, IMAGE), (first, block(pooled, "conv2")), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
