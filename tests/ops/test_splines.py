"""The random deformation of the equivariance losses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from tests.ops import loops
from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.ops.sampling import pixel_grid
from thf_jax.ops.splines import Deformation, deform_image, deform_points, deformation_jacobian, random_deformation

DEFORMATION = Deformation(jnp.eye(2, 3) + 0.1 * numbers(2, 3, seed=1), 0.05 * numbers(9, seed=2))
STILL = Deformation(jnp.eye(2, 3), jnp.zeros(9))
# None of them on a line through a control point, where the distance has a kink.
POINTS = jnp.array([[0.3, -0.7], [-0.2, 0.45], [0.8, 0.15], [-1.3, 0.6]])


@jax.jit
def everything(deformation: Deformation, points: jax.Array, image: jax.Array) -> tuple[jax.Array, ...]:
    moved, jacobians = deform_points(deformation, points), deformation_jacobian(deformation, points)
    return moved, jacobians, deform_image(deformation, image)


def by_hand(deformation: Deformation, point: np.ndarray) -> np.ndarray:
    affine, weights = np.asarray(deformation.affine, np.float64), np.asarray(deformation.weights, np.float64)
    displacement = 0.0
    for index, weight in enumerate(weights):
        row, column = divmod(index, 3)
        distance = abs(point[0] - (column - 1)) + abs(point[1] - (row - 1))
        displacement += weight * distance**2 * np.log(distance + 1e-6)
    return affine[:, :2] @ point + affine[:, 2] + displacement


def test_points_move_as_the_formula_says():
    expected = np.stack([by_hand(DEFORMATION, point) for point in np.asarray(POINTS, np.float64)])
    close(all_ways(deform_points, DEFORMATION, POINTS), expected.astype(np.float32), 1e-5)


def test_the_jacobian_has_outputs_in_rows_and_inputs_in_columns():
    expected = np.zeros((4, 2, 2))
    for k, j in np.ndindex(4, 2):
        point, step = np.asarray(POINTS, np.float64)[k], 1e-6 * np.eye(2)[j]
        expected[k, :, j] = (by_hand(DEFORMATION, point + step) - by_hand(DEFORMATION, point - step)) / 2e-6
    close(all_ways(deformation_jacobian, DEFORMATION, POINTS), expected.astype(np.float32), 1e-4)


def test_derivatives():
    # The image is read half a pixel beside its pixels, then a little bent.
    shifted = Deformation(0.98 * STILL.affine.at[:, 2].set(1 / 3), 1e-3 * numbers(9))
    check_derivatives(everything, shifted, POINTS, numbers(4, 4, 1))


def test_without_noise_nothing_moves():
    deformation = random_deformation(jax.random.key(0), sigma_affine=0.0, sigma_spline=0.0, points=3)
    close(deformation, STILL)
    image = numbers(6, 5, 2)
    points, jacobians, pixels = everything(STILL, POINTS, image)
    close(points, POINTS)
    np.testing.assert_allclose(jacobians, np.broadcast_to(np.eye(2), (4, 2, 2)), atol=1e-6)
    np.testing.assert_allclose(pixels, image, atol=1e-5)


def test_the_noise_has_the_published_width_and_depends_on_the_key_alone():
    keys = jax.random.split(jax.random.key(1), 500)
    many = jax.jit(jax.vmap(random_deformation))(keys)
    assert many.affine.shape == (500, 2, 3) and many.weights.shape == (500, 25)
    noise = np.asarray(many.affine) - np.eye(2, 3)
    assert noise.std() == pytest.approx(0.05, rel=0.05) and abs(noise.mean()) < 0.003
    assert np.std(many.weights) == pytest.approx(0.005, rel=0.05)
    assert np.abs(np.corrcoef(noise.reshape(500, 6).T) - np.eye(6)).max() < 0.2
    close(jax.jit(random_deformation)(keys[3]), jax.tree.map(lambda x: x[3], many))


@pytest.mark.parametrize(("align_corners", "mode"), [(True, "mirror"), (False, "reflect")])
def test_the_deformed_image_is_read_at_the_deformed_grid(align_corners, mode):
    image = numbers(6, 5, 2, seed=3)
    grid = np.asarray(pixel_grid((6, 5)), np.float64)
    positions = np.array([[by_hand(DEFORMATION, z) for z in row] for row in grid])
    assert np.abs(positions).max() > 1.2  # some lie outside
    columns, rows = (loops.to_pixels(positions[..., i], size, align_corners) for i, size in enumerate((5, 6)))
    channels = [scipy.ndimage.map_coordinates(image[..., c], [rows, columns], order=1, mode=mode) for c in range(2)]
    deform = functools.partial(deform_image, align_corners=align_corners)
    close(all_ways(deform, DEFORMATION, image), np.stack(channels, -1).astype(np.float32), 1e-5)


def test_what_is_seen_at_a_point_lay_at_the_deformed_point():
    """An image that holds its own coordinates: deformed, it holds T(z) at z, wherever that lies inside."""
    grid = pixel_grid((9, 9))
    where = np.asarray(deform_points(DEFORMATION, grid))
    seen = np.asarray(jax.jit(deform_image)(DEFORMATION, grid))
    inside = (np.abs(where) <= 1).all(-1)
    assert inside.sum() > 30
    np.testing.assert_allclose(seen[inside], where[inside], atol=1e-5)
