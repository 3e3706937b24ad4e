"""What Monkey-Net has beside FOMM: a start that stands still, a free correction, features warped at every size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.models.samples import SMALL, pictures, random_variables
from tests.ops import loops
from thf_jax.models.deforming_generator import DeformingGenerator
from thf_jax.models.dense_motion import DenseMotion, heatmap_difference
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.sampling import pixel_grid, resize_map
from thf_jax.types import EncodedImage, Keypoints, Warp

IMAGES = pictures(2, 8)


def spread_keypoints(seed: int) -> Keypoints:
    random = np.random.default_rng(seed)
    factor = random.uniform(-0.3, 0.3, (2, 3, 2, 2))
    covariance = factor @ factor.swapaxes(-1, -2) + 0.05 * np.eye(2)
    position = random.uniform(-0.8, 0.8, (2, 3, 2))
    return Keypoints(jnp.asarray(position, jnp.float32), covariance=jnp.asarray(covariance, jnp.float32))


SOURCE, DRIVING = spread_keypoints(1), spread_keypoints(2)
MOTION = DenseMotion(
    **SMALL,
    scale=1.0,
    antialias=False,
    heatmap_gain=0.01,
    group_blocks=1,
    head=3,
    background_bias=2.0,
    correction=True,
    visibility=False,
)


def test_the_heatmaps_are_those_of_driving_less_source():
    one, other = (jax.tree.map(lambda x: x[0], keypoints) for keypoints in (SOURCE, DRIVING))
    there, here = (
        np.asarray(gaussian_heatmaps(x.position, (4, 5), variance=0.01, covariance=x.covariance)) for x in (other, one)
    )
    np.testing.assert_allclose(heatmap_difference(one, other, (4, 5), variance=7.0), there - here, atol=1e-6)
    narrow = heatmap_difference(one, other.replace(covariance=None), (4, 5), variance=0.02)
    expected = gaussian_heatmaps(other.position, (4, 5), variance=0.02) - here
    np.testing.assert_allclose(narrow, expected, atol=1e-6)


def test_training_begins_with_everything_almost_still():
    """Every mask is that of its bias, the background's e^2 times another's, and the correction is 0."""
    warp = jax.jit(MOTION.init_with_output)(jax.random.key(0), IMAGES, SOURCE, DRIVING)[0]
    weights = np.exp([2.0, 0, 0, 0])
    shares = weights / weights.sum()
    np.testing.assert_allclose(warp.masks, np.broadcast_to(shares, (2, 8, 8, 4)), rtol=1e-5)
    assert warp.visibility is None
    shift = (shares[1:, None] * np.asarray(SOURCE.position - DRIVING.position)).sum(1)
    expected = np.asarray(pixel_grid((8, 8))) + shift[:, None, None]
    np.testing.assert_allclose(warp.grid, expected, atol=1e-5)


def test_the_correction_is_added_to_the_flow_and_nothing_else():
    weights = random_variables(MOTION.init, IMAGES, SOURCE, DRIVING)
    head = weights["params"]["masks"]
    silent = {name: x.at[..., 4:].set(0) for name, x in head.items()}
    shifted = {**silent, "bias": silent["bias"].at[4:].set(jnp.array([0.25, -0.5]))}

    @jax.jit
    def run(head):
        changed = {**weights, "params": {**weights["params"], "masks": head}}
        return MOTION.apply(changed, IMAGES, SOURCE, DRIVING)

    still, moved = run(silent), run(shifted)
    np.testing.assert_allclose(moved.grid - still.grid, np.broadcast_to([0.25, -0.5], (2, 8, 8, 2)), atol=1e-6)
    np.testing.assert_array_equal(moved.masks, still.masks)
    np.testing.assert_array_equal(moved.candidates, still.candidates)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_features_of_every_size_are_warped_and_stand_beside_the_heatmaps(interpolation):
    module = DeformingGenerator(2, 1, 4, refinement_blocks=1, scale=0.5, interpolation=interpolation)
    grid = pixel_grid((4, 4)) + 0.3 * jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 4, 2)), jnp.float32)
    warp = Warp(grid=grid, visibility=None, masks=jnp.ones((2, 4, 4, 1)), candidates=IMAGES[:, None], deformed=IMAGES)

    def whole(module, image):
        features = module.encode(image)
        moved = [jax.vmap(module._move)(skip, grid, heatmaps) for skip in features]
        rendering = module(EncodedImage(image, features, SOURCE), DRIVING, warp)
        return features, moved, rendering

    heatmaps = 0.01 * jax.vmap(lambda s, d: heatmap_difference(s, d, (4, 4), variance=0.01))(SOURCE, DRIVING)
    weights = random_variables(nn.init(whole, module), IMAGES)
    features, moved, rendering = jax.jit(lambda image: nn.apply(whole, module)(weights, image))(IMAGES)
    assert rendering.image.shape == (2, 8, 8, 3)
    for skip, found in zip(features, moved, strict=True):
        shape = skip.shape[1:3]
        flow = np.asarray(resize_map(grid[0], shape, method=interpolation))
        np.testing.assert_allclose(found[0, ..., :-3], loops.sample(np.asarray(skip[0]), flow), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found[0, ..., -3:], resize_map(heatmaps[0], shape, method=interpolation), atol=1e-5)
