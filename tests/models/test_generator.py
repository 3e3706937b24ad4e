"""The generator with and without skips, at the ends of the visibility's range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.models.samples import pictures, random_variables
from thf_jax.models.generator import Generator
from thf_jax.ops.sampling import pixel_grid, sample
from thf_jax.types import EncodedImage, Keypoints, Warp

IMAGES = pictures(2, 16)
STILL = Keypoints(jnp.zeros((2, 1, 2)))
SHIFT = 2 / 15  # one pixel


def warp(visibility: float | None, *, shift: float = 0.0) -> Warp:
    grid = jnp.broadcast_to(pixel_grid((16, 16)), (2, 16, 16, 2)) + jnp.array([shift, 0], jnp.float32)
    seen = None if visibility is None else jnp.full((2, 16, 16, 1), visibility)
    return Warp(grid=grid, visibility=seen, masks=jnp.ones((2, 16, 16, 1)), candidates=IMAGES[:, None], deformed=IMAGES)


def compiled(skips: bool):
    """Encoder and generator of random weights: (image, warp) -> (features, rendered image)."""
    module = Generator(width=2, most=4, down_blocks=1, residual_blocks=1, skips=skips)

    def whole(module, image, motion):
        features = module.encode(image)
        return features, module(EncodedImage(image, features, STILL), STILL, motion).image

    weights = random_variables(nn.init(whole, module), IMAGES, warp(1.0))
    return jax.jit(lambda image, motion: nn.apply(whole, module)(weights, image, motion))


@pytest.fixture(scope="module")
def plain():
    return compiled(skips=False)


@pytest.fixture(scope="module")
def skips():
    return compiled(skips=True)


def test_the_encoder_hands_on_the_smallest_features_or_all(plain, skips):
    assert [x.shape for x in plain(IMAGES, warp(1.0))[0]] == [(2, 8, 8, 4)]
    assert [x.shape for x in skips(IMAGES, warp(1.0))[0]] == [(2, 16, 16, 2), (2, 8, 8, 4)]


def test_images_lie_between_0_and_1_and_show_their_source(plain, skips):
    for run in (plain, skips):
        image = run(IMAGES, warp(0.5))[1]
        assert image.shape == IMAGES.shape and (image > 0).all() and (image < 1).all()
        assert np.abs(image[0] - image[1]).max() > 1e-4


def test_no_visibility_means_that_everything_is_visible(plain, skips):
    for run in (plain, skips):
        unknown, visible = (run(IMAGES, warp(visibility, shift=SHIFT))[1] for visibility in (None, 1.0))
        np.testing.assert_allclose(unknown, visible, atol=1e-6)


def test_of_an_invisible_source_nothing_is_left(plain, skips):
    """Skips or none: the picture is then painted from the weights alone."""
    for run in (plain, skips):
        image = run(IMAGES, warp(0.0))[1]
        np.testing.assert_allclose(image[0], image[1], atol=1e-6)


def test_with_skips_a_visible_source_is_shown_itself(skips):
    np.testing.assert_allclose(skips(IMAGES, warp(1.0))[1], IMAGES, atol=1e-5)
    moved = jax.vmap(sample)(IMAGES, warp(1.0, shift=SHIFT).grid)
    np.testing.assert_allclose(skips(IMAGES, warp(1.0, shift=SHIFT))[1], moved, atol=1e-5)


def test_with_skips_a_half_visible_source_makes_half_of_the_picture(skips):
    rest = skips(IMAGES, warp(0.5))[1] - IMAGES / 2
    assert (rest > -1e-6).all() and (rest < 0.5 + 1e-6).all()
