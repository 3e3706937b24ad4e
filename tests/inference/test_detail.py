"""A portrait's fine detail in the pictures of a small model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.inference.detail import with_source_detail
from thf_jax.ops.filtering import area_resize
from thf_jax.ops.sampling import pixel_grid
from thf_jax.types import Rendering, Warp

SMALL, LARGE = 8, 32


def rendering(image, visibility):
    warp = Warp(grid=pixel_grid((SMALL, SMALL)), visibility=visibility, masks=None, candidates=None, deformed=None)
    return Rendering(image=image, warp=warp)


@pytest.fixture
def source():
    return jax.random.uniform(jax.random.key(0), (LARGE, LARGE, 3), minval=0.3, maxval=0.7)


def test_where_nothing_is_visible_the_rendering_is_only_enlarged(source):
    image = jax.random.uniform(jax.random.key(1), (SMALL, SMALL, 3))
    found = with_source_detail(rendering(image, jnp.zeros((SMALL, SMALL, 1))), source, align_corners=True)
    np.testing.assert_allclose(found, area_resize(image, (LARGE, LARGE)), atol=1e-5)


def test_a_flat_source_adds_nothing():
    image = jax.random.uniform(jax.random.key(1), (SMALL, SMALL, 3))
    flat = jnp.full((LARGE, LARGE, 3), 0.4)
    found = with_source_detail(rendering(image, None), flat, align_corners=True)
    np.testing.assert_allclose(found, area_resize(image, (LARGE, LARGE)), atol=1e-5)


def test_fine_stripes_survive_at_the_right_place():
    stripes = jnp.where(jnp.arange(LARGE) % 2 == 0, 0.6, 0.4)
    source = jnp.broadcast_to(stripes[:, None], (LARGE, LARGE))[..., None] * jnp.ones(3)  # rows, unseen at 8 pixels
    warp = Warp(grid=pixel_grid((LARGE, LARGE)), visibility=None, masks=None, candidates=None, deformed=None)
    small = jnp.full((SMALL, SMALL, 3), 0.5)
    found = with_source_detail(Rendering(image=small, warp=warp), source, align_corners=True)
    np.testing.assert_allclose(found, source, atol=1e-5)
