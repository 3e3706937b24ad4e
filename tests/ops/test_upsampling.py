"""Enlargement whose corners stay where they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.ops.upsampling import double_bilinear


def interpolated(image: np.ndarray) -> np.ndarray:
    """SciPy's linear interpolation at 2n equally spaced positions from the first pixel to the last."""
    h, w, channels = image.shape
    positions = np.meshgrid(np.linspace(0, h - 1, 2 * h), np.linspace(0, w - 1, 2 * w), indexing="ij")
    planes = [
        scipy.ndimage.map_coordinates(image[..., c].astype(np.float64), positions, order=1) for c in range(channels)
    ]
    return np.stack(planes, -1).astype(np.float32)


@pytest.mark.parametrize("shape", [(3, 4, 2), (2, 7, 1), (1, 5, 3), (1, 1, 2)])
def test_doubling_is_linear_interpolation_from_corner_to_corner(shape):
    image = numbers(*shape)
    close(all_ways(double_bilinear, image), interpolated(np.asarray(image)))


def test_leading_axes_are_a_batch():
    images = numbers(2, 3, 4, 5, 1)
    together = jax.jit(double_bilinear)(images)
    assert together.shape == (2, 3, 8, 10, 1)
    np.testing.assert_allclose(together[1, 2], interpolated(np.asarray(images[1, 2])), atol=1e-6)


def test_derivatives():
    check_derivatives(double_bilinear, numbers(3, 4, 2))


@pytest.mark.parametrize(("h", "w"), [(1, 2), (3, 7)])
def test_corners_stay_and_ramps_stay_ramps(h, w):
    ramp = np.tile(np.linspace(-1, 3, w, dtype=np.float32)[None, :, None], (h, 1, 1))
    doubled = jax.jit(double_bilinear)(jnp.asarray(ramp))
    np.testing.assert_allclose(doubled[..., 0], np.tile(np.linspace(-1, 3, 2 * w), (2 * h, 1)), atol=1e-6)
    assert float(doubled[0, 0, 0]) == -1 and float(doubled[-1, -1, 0]) == 3
