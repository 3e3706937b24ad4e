"""Maps at another size: half-pixel centres, the edge repeated."""

import hypothesis.extra.numpy as arrays
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops import loops
from tests.ops.checks import all_ways, close, numbers
from thf_jax.ops.sampling import pixel_grid, resize_map


@pytest.mark.parametrize(
    ("shape", "target"), [((3, 4), (6, 8)), ((3, 4), (7, 3)), ((6, 8), (3, 4)), ((2, 3, 4), (4, 3, 8))]
)
def test_resizing_is_sampling_at_half_pixel_centres(shape, target):
    values = numbers(*shape, 2)
    # With -1 and 1 at outer edges, the new centres are simply these.
    axes = [(2 * np.arange(size) + 1) / size - 1 for size in target]
    grid = np.stack(np.meshgrid(*axes, indexing="ij")[::-1], -1)
    expected = loops.sample(np.asarray(values), grid, padding="edge", align_corners=False)
    close(all_ways(lambda x: resize_map(x, target), values), expected.astype(np.float32), 1e-5)


def test_the_right_size_is_left_untouched():
    values = numbers(3, 4, 2)
    assert resize_map(values, (3, 4)) is values


def test_an_enlarged_identity_flow_is_clamped_at_its_border():
    enlarged = np.asarray(resize_map(pixel_grid((4, 4)), (8, 8)))
    assert (enlarged[0, :, 1] == -1).all() and (enlarged[:, 0, 0] == -1).all()
    np.testing.assert_allclose(enlarged[0, 1:-1, 0], np.linspace(-1, 1, 13)[1::2], atol=1e-6)


@settings(max_examples=20)
@given(st.floats(-1e3, 1e3, width=32, allow_subnormal=False), st.sampled_from([(1, 1), (2, 5), (6, 6), (9, 4)]))
def test_a_constant_stays_constant(value, target):
    resized = resize_map(jnp.full((3, 4, 1), value, jnp.float32), target)
    np.testing.assert_allclose(resized, np.full((*target, 1), value), rtol=1e-6, atol=1e-30)


@settings(max_examples=20)
@given(arrays.arrays(np.float32, (3, 4, 1), elements=st.floats(-100, 100, width=32, allow_subnormal=False)))
def test_resizing_stays_between_the_extremes(values):
    resized = resize_map(jnp.asarray(values), (7, 9))
    assert resized.min() >= values.min() - 1e-4 and resized.max() <= values.max() + 1e-4


@pytest.mark.parametrize(
    ("shape", "target"), [((3, 4), (6, 8)), ((3, 4), (7, 3)), ((6, 8), (3, 4)), ((2, 3, 4), (4, 3, 8))]
)
def test_the_nearest_pixel_is_that_of_the_rounded_down_index(shape, target):
    values = numbers(*shape, 2)
    expected = np.zeros((*target, 2), np.float32)
    for place in np.ndindex(*target):
        expected[place] = values[tuple(i * size // new for i, size, new in zip(place, shape, target, strict=True))]
    actual = all_ways(lambda x: resize_map(x, target, method="nearest"), values)
    np.testing.assert_array_equal(actual, expected)
