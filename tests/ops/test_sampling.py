"""Sampling against a loop written from the definition and against SciPy, inside the image and outside."""

import functools

import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from tests.ops import loops
from tests.ops.checks import all_ways, close, numbers
from thf_jax.ops.sampling import pixel_grid, sample

PADDINGS = ("zeros", "edge", "reflection")
# SciPy's names, for pixel centres and for outer edges at -1 and 1.
SCIPY = {"zeros": ("grid-constant",) * 2, "edge": ("nearest",) * 2, "reflection": ("mirror", "reflect")}
IMAGES = {2: numbers(5, 4, 2, seed=1), 3: numbers(3, 5, 4, 2, seed=2)}
GRIDS = {2: numbers(6, 7, 2, seed=3, low=-1.9, high=1.9), 3: numbers(4, 5, 3, seed=4, low=-1.9, high=1.9)}
every_reading = pytest.mark.parametrize(
    ("padding", "align_corners"), [(padding, corners) for padding in PADDINGS for corners in (True, False)]
)


@functools.cache
def compiled(padding: str = "zeros", align_corners: bool = True):
    return jax.jit(functools.partial(sample, padding=padding, align_corners=align_corners))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 5), (7,)])
def test_pixel_grid_lists_the_centres_x_first(shape):
    grid = np.asarray(pixel_grid(shape))
    assert grid.shape == (*shape, len(shape))
    for place in np.ndindex(*shape):
        expected = [2 * i / (n - 1) - 1 for i, n in zip(place, shape, strict=True)][::-1]
        np.testing.assert_allclose(grid[place], expected, atol=1e-6)


def test_an_axis_of_one_pixel_lies_at_minus_one():
    np.testing.assert_array_equal(pixel_grid((1, 2)), [[[-1, -1], [1, -1]]])


@pytest.mark.parametrize("dimensions", [2, 3])
@every_reading
def test_sample_is_the_loop_inside_and_outside(padding, align_corners, dimensions):
    image, grid = IMAGES[dimensions], GRIDS[dimensions]
    expected = loops.sample(np.asarray(image), np.asarray(grid), padding=padding, align_corners=align_corners)
    close(compiled(padding, align_corners)(image, grid), expected.astype(np.float32), 1e-5)


@pytest.mark.parametrize("dimensions", [2, 3])
@every_reading
def test_sample_is_scipys_map_coordinates(padding, align_corners, dimensions):
    image, grid = np.asarray(IMAGES[dimensions]), np.asarray(GRIDS[dimensions], np.float64)
    sizes = image.shape[:-1]
    pixels = [loops.to_pixels(grid[..., -1 - axis], size, align_corners) for axis, size in enumerate(sizes)]
    mode = SCIPY[padding][0 if align_corners else 1]
    expected = [
        scipy.ndimage.map_coordinates(channel, pixels, order=1, mode=mode) for channel in np.moveaxis(image, -1, 0)
    ]
    actual = compiled(padding, align_corners)(IMAGES[dimensions], GRIDS[dimensions])
    close(actual, np.stack(expected, -1).astype(np.float32), 1e-5)


@pytest.mark.parametrize(("padding", "dimensions"), [("zeros", 2), ("edge", 2), ("reflection", 3)])
def test_sample_is_the_same_eager_jitted_and_batched(padding, dimensions):
    all_ways(functools.partial(sample, padding=padding), IMAGES[dimensions], GRIDS[dimensions])


def test_the_two_readings_differ_by_a_zoom():
    """-1 and 1 as outer edges: the grid of pixel centres reaches half a pixel past them, by size / (size - 1)."""
    image, grid = IMAGES[2], GRIDS[2]
    zoom = jnp.array([4 / 3, 5 / 4], jnp.float32)
    close(compiled(align_corners=False)(image, grid), compiled()(image, grid * zoom), 1e-5)


@pytest.mark.parametrize("align_corners", [True, False])
def test_far_outside_stands_what_the_padding_says(align_corners):
    image = IMAGES[2]
    grid = jnp.array([[-1e30, 1e30], [3e9, -3e9], [-jnp.inf, jnp.inf]], jnp.float32)
    assert not np.asarray(compiled("zeros", align_corners)(image, grid)).any()
    np.testing.assert_array_equal(compiled("edge", align_corners)(image, grid), image[[4, 0, 4], [0, 3, 0]])
    reflected = np.asarray(compiled("reflection", align_corners)(image, grid[:2]))
    assert (reflected >= image.min()).all() and (reflected <= image.max()).all()


@pytest.mark.parametrize("padding", PADDINGS)
def test_a_position_that_is_no_number_shows(padding):
    grid = jnp.array([[jnp.nan, 0], [0, jnp.nan], [0, 0]], jnp.float32)
    finite = np.isfinite(compiled(padding)(IMAGES[2], grid))
    np.testing.assert_array_equal(finite.all(axis=-1), [False, False, True])


@every_reading
def test_an_image_of_one_pixel(padding, align_corners):
    image, grid = jnp.full((1, 1, 1), 7.0), jnp.array([[-1.0, -1.0], [0.0, 0.0], [0.0, 1.0]])
    expected = loops.sample(np.asarray(image), np.asarray(grid), padding=padding, align_corners=align_corners)
    if padding != "zeros":
        assert (expected == 7).all()
    close(compiled(padding, align_corners)(image, grid), expected.astype(np.float32))


def test_a_grid_of_other_dimensions_is_refused():
    with pytest.raises(ValueError, match="needs 2 coordinates, not 3"):
        sample(IMAGES[2], GRIDS[3])


pictures = st.sampled_from([(4, 5), (2, 7)]).flatmap(
    lambda shape: arrays.arrays(np.float32, (*shape, 1), elements=st.floats(-100, 100, width=32))
)


@settings(max_examples=30)
@given(pictures, st.sampled_from(PADDINGS))
def test_sampling_at_the_pixel_grid_returns_the_image(image, padding):
    image = jnp.asarray(image)
    np.testing.assert_allclose(compiled(padding)(image, pixel_grid(image.shape[:2])), image, atol=1e-4)


@settings(max_examples=30)
@given(pictures, st.integers(-2, 2), st.integers(-2, 2), st.booleans())
def test_a_shift_by_whole_pixels_is_a_roll_inside(image, down, right, align_corners):
    rows, columns = image.shape[:2]
    places = np.moveaxis(np.indices((rows, columns)), 0, -1)[..., ::-1] + np.array([right, down])
    sizes = np.array([columns, rows])
    grid = jnp.asarray(loops.to_coordinates(places, sizes, align_corners), jnp.float32)
    moved = compiled("zeros", align_corners)(jnp.asarray(image), grid)
    valid = ((places >= 0) & (places < sizes)).all(axis=-1, keepdims=True)
    expected = np.where(valid, np.roll(image, (-down, -right), (0, 1)), 0)
    np.testing.assert_allclose(moved, expected, atol=1e-3)


def test_a_batch_shared_between_devices_is_sampled_without_communication():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec("data"))
    image, grid = (jax.ShapeDtypeStruct((8, *x.shape), x.dtype) for x in (IMAGES[2], GRIDS[2]))
    text = jax.jit(jax.vmap(sample), in_shardings=split, out_shardings=split).lower(image, grid).compile().as_text()
    assert text is not None and "gather" in text
    assert not any(word in text for word in ("all-gather", "all-reduce", "all-to-all", "collective-permute"))
