"""The slopes of sampling: true between the pixels, and on a pixel centre those of the cell to its right."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.ops import loops
from tests.ops.checks import check_derivatives, numbers
from thf_jax.ops.sampling import pixel_grid, resize_map, sample

PADDINGS = ("zeros", "edge", "reflection")


def between_pixels(*sizes: int, align_corners: bool, count: int = 12) -> jax.Array:
    """Positions [count d], some outside, a tenth of a pixel or more away from the lines on which the slope jumps."""
    random = np.random.default_rng(5)
    columns = []
    for size in reversed(sizes):
        # With outer edges, reflection turns half-way between two centres.
        low, high = (0.1, 0.9) if align_corners else (0.1, 0.4)
        pixels = random.integers(-3, size + 2, count) + random.uniform(low, high, count)
        columns.append(loops.to_coordinates(pixels, size, align_corners))
    return jnp.asarray(np.stack(columns, -1), jnp.float32)


@pytest.mark.parametrize(
    ("padding", "align_corners", "sizes"),
    [
        *((padding, corners, (4, 5)) for padding in PADDINGS for corners in (True, False)),
        ("zeros", True, (3, 4, 5)),
        ("reflection", False, (3, 4, 5)),
    ],
)
def test_derivatives_in_image_and_grid(padding, align_corners, sizes):
    function = functools.partial(sample, padding=padding, align_corners=align_corners)
    check_derivatives(function, numbers(*sizes, 2), between_pixels(*sizes, align_corners=align_corners))


@functools.partial(jax.jit, static_argnames=("padding", "align_corners"))
def slopes(image, grid, padding, align_corners):
    return jax.grad(lambda x: sample(image, x, padding=padding, align_corners=align_corners).sum())(grid)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding", PADDINGS)
def test_on_a_pixel_centre_the_slope_is_that_of_the_cell_to_the_right(padding, align_corners):
    size = 5 if align_corners else 4  # so that float32 holds every centre exactly
    centres = loops.to_coordinates(np.arange(-2, size + 2), size, align_corners).astype(np.float32)
    profile = np.array([1, 4, 9, 16, 25][:size], np.float32)
    for axis in (0, 1):
        image = np.broadcast_to(profile[:, None] if axis else profile, (size, size))[..., None]
        grid = np.full((len(centres), 2), centres[2], np.float32)
        grid[:, axis] = centres
        beside = grid + 2**-6 * np.eye(2, dtype=np.float32)[axis]
        before, after = (loops.sample(image, at, padding=padding, align_corners=align_corners) for at in (grid, beside))
        expected = (after - before)[:, 0] / 2**-6
        actual = slopes(jnp.asarray(image), jnp.asarray(grid), padding, align_corners)[:, axis]
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4)
        assert np.abs(expected[2 : size + 1]).min() > 1  # an identity warp learns


def test_resizing_has_true_derivatives():
    check_derivatives(lambda x: resize_map(x, (5, 3)), numbers(3, 4, 2))


def test_the_identity_warp_is_learned():
    """On a ramp the mean difference from the next pixel's image falls by 3.5 a unit, the number of pixels in one."""
    ramp = jnp.asarray(np.arange(64.0).reshape(8, 8, 1) % 8, jnp.float32)
    grid = pixel_grid((8, 8))

    @jax.jit
    def slope(shift):
        def loss(shift):
            return jnp.abs(sample(ramp, grid + shift) - (ramp + 1))[:, 1:6].mean()

        return jax.grad(loss)(shift)

    assert slope(jnp.zeros(2))[0] == pytest.approx(-3.5, rel=1e-3)
