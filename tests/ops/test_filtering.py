"""Down-sampling and resizing against SciPy's Gaussian filter, Pillow's resize and plain means."""

import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.errors import InputError
from thf_jax.ops.filtering import antialias_kernel, area_resize, downsample, pyramid, shrink

SIZES = {0.5: 5, 1 / 3: 9, 0.25: 13, 0.125: 29}


def scipys(image: np.ndarray, scale: float, sigma: float | None = None) -> np.ndarray:
    step = round(1 / scale)
    sigma = (1 / scale - 1) / 2 if sigma is None else sigma
    blurred = scipy.ndimage.gaussian_filter(image.astype(np.float64), (sigma, sigma, 0), mode="constant", truncate=4)
    return blurred[::step, ::step].astype(np.float32)


@pytest.mark.parametrize("scale", SIZES)
def test_the_kernel_is_scipys_and_as_wide_as_published(scale):
    kernel = antialias_kernel(scale)
    assert kernel.shape == (SIZES[scale],)
    impulse = np.eye(1, len(kernel), len(kernel) // 2)[0]
    expected = scipy.ndimage.gaussian_filter1d(impulse, (1 / scale - 1) / 2, mode="constant", truncate=4)
    np.testing.assert_allclose(kernel, expected, atol=1e-7)
    assert kernel.sum() == pytest.approx(1)


def test_a_width_of_its_own():
    assert antialias_kernel(0.125, sigma=1.5).shape == (13,)
    np.testing.assert_array_equal(antialias_kernel(0.125, sigma=1.5), antialias_kernel(0.25))


@pytest.mark.parametrize("scale", [0.0, -0.5, 0.3, 0.75, 1.5, 2.0, float("nan"), float("inf")])
def test_a_scale_that_is_not_one_over_a_whole_number_is_refused(scale):
    with pytest.raises(InputError, match="is 1, 1/2, 1/3"):
        antialias_kernel(scale)
    with pytest.raises(InputError, match="is 1, 1/2, 1/3"):
        downsample(numbers(4, 4, 1), scale)


@pytest.mark.parametrize(("scale", "shape"), [(0.5, (8, 10)), (0.25, (13, 9)), (1 / 3, (7, 7))])
def test_downsample_is_a_gaussian_filter_and_every_nth_pixel(scale, shape):
    image = numbers(*shape, 2)
    close(jax.jit(lambda x: downsample(x, scale))(image), scipys(np.asarray(image), scale))


def test_downsample_with_a_width_of_its_own():
    image = numbers(16, 8, 1)
    close(all_ways(lambda x: downsample(x, 0.125, sigma=1.5), image), scipys(np.asarray(image), 0.125, 1.5))


def test_a_scale_of_1_leaves_the_image_untouched():
    image = numbers(5, 4, 3)
    assert downsample(image, 1.0) is image


def test_every_level_of_the_pyramid_comes_from_the_full_image():
    image = numbers(16, 8, 3)
    levels = jax.jit(lambda x: pyramid(x, (1.0, 0.5, 0.125)))(image)
    close(levels, [np.asarray(image), scipys(np.asarray(image), 0.5), scipys(np.asarray(image), 0.125)])


@pytest.mark.parametrize(("shape", "target"), [((8, 6), (4, 2)), ((9, 4), (3, 4)), ((6, 6), (1, 1))])
def test_shrinking_by_whole_factors_is_pillows_box(shape, target):
    image = np.asarray(numbers(*shape, 2))
    box = [Image.fromarray(image[..., c]).resize(target[::-1], Image.Resampling.BOX) for c in range(2)]
    close(area_resize(jnp.asarray(image), target), np.stack(box, -1))


@pytest.mark.parametrize(("shape", "target"), [((7, 5), (3, 4)), ((8, 8), (5, 3))])
def test_shrinking_by_other_factors_shares_pixels_out(shape, target):
    """As if every pixel were first repeated so often that the new pixels' edges fall between repetitions."""
    image = np.asarray(numbers(*shape, 2), np.float64)
    fine = np.repeat(np.repeat(image, target[0], 0), target[1], 1)
    expected = fine.reshape(target[0], shape[0], target[1], shape[1], 2).mean((1, 3))
    close(area_resize(jnp.asarray(image, jnp.float32), target), expected.astype(np.float32))


@pytest.mark.parametrize(("shape", "target"), [((3, 4), (6, 9)), ((1, 5), (2, 7))])
def test_enlarging_is_pillows_bilinear(shape, target):
    image = np.asarray(numbers(*shape, 2))
    smooth = [Image.fromarray(image[..., c]).resize(target[::-1], Image.Resampling.BILINEAR) for c in range(2)]
    close(area_resize(jnp.asarray(image), target), np.stack(smooth, -1), 1e-5)


def test_one_side_may_shrink_while_the_other_grows():
    image = numbers(2, 3, 6, 4, 1)
    once = all_ways(lambda x: area_resize(x, (3, 8)), image)
    assert once.shape == (2, 3, 3, 8, 1)
    close(once, area_resize(area_resize(image, (3, 4)), (3, 8)))


def test_the_right_size_is_left_untouched():
    image = numbers(3, 4, 2)
    assert area_resize(image, (3, 4)) is image


@settings(max_examples=20)
@given(
    arrays.arrays(np.float32, (6, 8, 1), elements=st.floats(0, 1, width=32)),
    st.sampled_from([(3, 4), (5, 7), (1, 1), (2, 8)]),
)
def test_shrinking_keeps_the_mean_and_the_range(image, target):
    small = np.asarray(area_resize(jnp.asarray(image), target))
    assert small.mean() == pytest.approx(image.mean(), abs=1e-6)
    assert small.min() >= image.min() - 1e-6 and small.max() <= image.max() + 1e-6


def test_derivatives():
    check_derivatives(lambda x: [*pyramid(x, (1.0, 0.5)), area_resize(x, (2, 7))], numbers(5, 4, 2))


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25])
def test_shrinking_blurs_only_if_it_shall(scale):
    image, step = numbers(8, 12, 3), round(1 / scale)
    np.testing.assert_array_equal(shrink(image, scale, antialias=False), image[::step, ::step])
    np.testing.assert_array_equal(shrink(image, scale), downsample(image, scale))


@pytest.mark.parametrize("scale", [0.4, 0.3, 0.7, 2.5])
def test_shrinking_by_no_whole_number_is_refused_with_blur_and_without(scale):
    for antialias in (True, False):
        with pytest.raises(InputError, match="is 1, 1/2, 1/3"):
            shrink(numbers(8, 8, 1), scale, antialias=antialias)
