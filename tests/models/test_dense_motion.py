"""Dense motion: what must hold whatever the network says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.samples import SMALL, keypoints, pictures, random_variables
from tests.ops import loops
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.ops.filtering import downsample
from thf_jax.ops.motion import local_affine_flows, relative_jacobian
from thf_jax.ops.sampling import pixel_grid, resize_map, sample
from thf_jax.types import Keypoints, Warp

MODULE = DenseMotion(**SMALL, scale=0.5)
IMAGES = pictures(2, 16)
SOURCE, DRIVING = keypoints(2, seed=1), keypoints(2, seed=2)
run = jax.jit(MODULE.apply)


@pytest.fixture(scope="module")
def weights():
    return random_variables(MODULE.init, IMAGES, SOURCE, DRIVING)


@pytest.fixture(scope="module")
def warp(weights) -> Warp:
    return run(weights, IMAGES, SOURCE, DRIVING)


def test_shapes(warp):
    shapes = [x.shape for x in (warp.grid, warp.visibility, warp.masks, warp.candidates, warp.deformed)]
    assert shapes == [(2, 8, 8, 2), (2, 8, 8, 1), (2, 8, 8, 4), (2, 4, 8, 8, 3), (2, 16, 16, 3)]


def test_masks_are_shares_and_visibility_a_probability(warp):
    np.testing.assert_allclose(warp.masks.sum(-1), 1, rtol=1e-5)
    assert (warp.masks >= 0).all() and np.std(warp.masks) > 1e-3
    assert (warp.visibility >= 0).all() and (warp.visibility <= 1).all()


@pytest.fixture(scope="module")
def flows() -> np.ndarray:
    """Every motion of both examples."""
    jacobian = relative_jacobian(SOURCE.jacobian, DRIVING.jacobian)
    every = jax.vmap(lambda s, d, j: local_affine_flows(s, d, j, (8, 8)))
    return np.asarray(jax.jit(every)(SOURCE.position, DRIVING.position, jacobian))


def test_the_grid_is_the_motions_under_the_masks(warp, flows):
    expected = (np.asarray(warp.masks)[..., None] * np.moveaxis(flows, 1, 3)).sum(3)
    np.testing.assert_allclose(warp.grid, expected, rtol=1e-4, atol=1e-4)


def test_candidates_are_the_small_source_moved_by_each_motion(warp, flows):
    small = np.asarray(jax.jit(jax.vmap(lambda image: downsample(image, 0.5)))(IMAGES))
    np.testing.assert_allclose(warp.candidates[:, 0], small, atol=1e-5)  # the background stays
    np.testing.assert_allclose(warp.candidates[0, 2], loops.sample(small[0], flows[0, 2]), atol=1e-4)


def test_the_deformed_source_is_the_source_under_the_enlarged_grid(warp):
    deform = jax.jit(lambda image, grid: sample(image, resize_map(grid, (16, 16))))
    np.testing.assert_allclose(warp.deformed[1], deform(IMAGES[1], warp.grid[1]), atol=1e-4)


def test_equal_keypoints_move_nothing(weights):
    warp = run(weights, IMAGES, SOURCE, SOURCE)
    np.testing.assert_allclose(warp.grid, np.broadcast_to(pixel_grid((8, 8)), (2, 8, 8, 2)), atol=1e-5)


def test_zeroth_order_is_first_order_with_identity_jacobians(weights):
    identity = jnp.broadcast_to(jnp.eye(2), (2, 3, 2, 2))
    first = run(weights, IMAGES, Keypoints(SOURCE.position, identity), Keypoints(DRIVING.position, identity))
    zeroth = run(weights, IMAGES, Keypoints(SOURCE.position), Keypoints(DRIVING.position))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), zeroth, first)


def test_without_visibility_there_is_none_and_the_rest_stays(weights, warp):
    params = {name: values for name, values in weights["params"].items() if name != "visibility"}
    other = jax.jit(DenseMotion(**SMALL, scale=0.5, visibility=False).apply)
    found = other({**weights, "params": params}, IMAGES, SOURCE, DRIVING)
    assert found.visibility is None
    np.testing.assert_allclose(found.grid, warp.grid, atol=1e-5)
