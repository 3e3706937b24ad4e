"""What MRAA has beside FOMM: axes without a sign, a background that moves, regions put together by AVD."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import SIZE, tiny_animator
from tests.models.samples import SMALL, keypoints, pictures, random_variables
from thf_jax.errors import InputError
from thf_jax.models.avd import AVD
from thf_jax.models.background import BACKGROUNDS, BackgroundPredictor
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.ops.motion import local_affine_flows, relative_jacobian, unswapped
from thf_jax.types import Keypoints

IMAGES = pictures(2, 8)
SOURCE, DRIVING = keypoints(2, seed=1), keypoints(2, seed=2)


@functools.cache
def dense_motion():
    """(source, driving) -> the warp, by random weights; axes are known up to their sign."""
    module = DenseMotion(**SMALL, scale=1.0, axis_swap=True)
    weights = random_variables(module.init, IMAGES, SOURCE, DRIVING)
    return jax.jit(lambda source, driving: module.apply(weights, IMAGES, source, driving))


def test_flipped_axes_change_no_warp():
    signs = jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], (2, 2, 3, 1, 1)), jnp.float32)
    flipped = [x.replace(jacobian=x.jacobian * sign) for x, sign in zip((SOURCE, DRIVING), signs, strict=True)]
    expected, warp = dense_motion()(SOURCE, DRIVING), dense_motion()(*flipped)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), warp, expected)


def test_the_background_moves_the_grid_where_its_mask_says():
    matrix = jnp.eye(3) + 0.2 * jnp.asarray(np.random.default_rng(1).standard_normal((2, 3, 3)), jnp.float32)
    still = jnp.broadcast_to(jnp.eye(3), (2, 3, 3))
    warp = dense_motion()(SOURCE, DRIVING.replace(background=matrix))
    rest = dense_motion()(SOURCE, DRIVING.replace(background=still))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), rest, dense_motion()(SOURCE, DRIVING))
    np.testing.assert_array_equal(warp.candidates[:, 1:], rest.candidates[:, 1:])
    assert np.abs(warp.candidates[:, 0] - rest.candidates[:, 0]).max() > 1e-2
    relative = relative_jacobian(SOURCE.jacobian, DRIVING.jacobian)
    flows = jax.vmap(lambda s, d, j, m: local_affine_flows(s, d, j, (8, 8), background=m))(
        SOURCE.position, DRIVING.position, unswapped(relative), matrix
    )
    expected = (np.asarray(warp.masks)[..., None] * np.moveaxis(np.asarray(flows), 1, 3)).sum(3)
    np.testing.assert_allclose(warp.grid, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_the_background_starts_still_and_moves_in_the_entries_of_its_kind(kind):
    module = BackgroundPredictor(2, 2, 4, kind=kind)
    first, second = pictures(2, 8, seed=1), pictures(2, 8, seed=2)

    @jax.jit
    def both(key, variables):
        return module.init_with_output(key, first, second)[0], module.apply(variables, first, second)

    start, found = both(jax.random.key(0), random_variables(module.init, first, second))
    np.testing.assert_allclose(start, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-6)
    free = np.zeros(9, bool)
    free[list(BACKGROUNDS[kind])] = True
    entries = np.asarray(found).reshape(2, 9)
    np.testing.assert_array_equal(entries[:, ~free], np.broadcast_to(np.eye(3).reshape(9)[~free], (2, (~free).sum())))
    assert (np.abs(entries[0] - entries[1])[free] > 1e-5).all()
    expected = {"shift": [2, 5], "affine": range(6), "perspective": range(8)}
    assert list(BACKGROUNDS[kind]) == list(expected[kind])


def test_another_kind_of_background_is_refused():
    with pytest.raises(InputError, match="no kind of background named 'afine'; the nearest is 'affine'"):
        random_variables(BackgroundPredictor(2, 2, 4, kind="afine").init, IMAGES, IMAGES)


@pytest.fixture(scope="module")
def combine():
    """(identity, pose) -> the regions, by random weights that make much of every number."""
    module = AVD(identity=3, pose=3)
    shapes = jax.eval_shape(module.init, jax.random.key(0), SOURCE, DRIVING)
    random = np.random.default_rng(0)

    def fill(path, leaf):
        noise = random.standard_normal(leaf.shape) * (2 / leaf.shape[0]) ** 0.5
        return jnp.asarray(np.abs(noise) + 0.5 if path[-1].key in ("scale", "var") else noise, jnp.float32)

    variables = jax.tree_util.tree_map_with_path(fill, shapes)
    return jax.jit(lambda identity, pose: module.apply(variables, identity, pose))


def test_combined_regions_depend_on_both_and_have_their_own_covariance(combine):
    regions = combine(SOURCE, DRIVING)
    jacobian = np.asarray(regions.jacobian)
    np.testing.assert_allclose(regions.covariance, jacobian @ jacobian.swapaxes(-1, -2), rtol=1e-4, atol=1e-4)
    for changed in (combine(DRIVING, DRIVING), combine(SOURCE, SOURCE)):
        assert np.abs(changed.position - regions.position).max() > 1e-2


def test_the_signs_of_the_persons_axes_do_not_reach_avd(combine):
    """They are brought to those of the pose, whatever they were."""
    sign = jnp.asarray([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]])[..., None, None]
    flipped = SOURCE.replace(jacobian=SOURCE.jacobian * sign)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        combine(flipped, DRIVING),
        combine(SOURCE, DRIVING),
    )


def test_avd_without_jacobians_is_refused():
    with pytest.raises(InputError, match="needs regions with Jacobians"):
        random_variables(AVD().init, Keypoints(SOURCE.position), DRIVING)


def test_motion_measures_the_background_only_against_a_source():
    animator = tiny_animator("mraa")
    frames = pictures(2, SIZE)
    shapes = jax.eval_shape(
        lambda v: (
            animator.module.apply(v, frames, method="motion"),
            animator.module.apply(v, frames, frames, method="motion"),
            animator.module.apply(v, frames, frames),
        ),
        animator.variables,
    )
    alone, against, whole = shapes
    assert alone.background is None and against.background.shape == (2, 3, 3)
    # Training and reconstruction measure it; the source itself has none.
    assert whole.motion.background.shape == (2, 3, 3) and whole.encoded.motion.background is None
