"""The pytrees that the verbs exchange."""

import dataclasses

import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thf_jax.ops.rotation import rotation_matrix
from thf_jax.types import DrivingCode, EmbeddedFace, EncodedImage, EncodedVolume, HeadMotion, Keypoints, Rendering, Warp

# Arithmetic may take subnormal numbers for 0.
positions = arrays.arrays(np.float32, (4, 2), elements=st.floats(-1, 1, width=32, allow_subnormal=False))
# Away from singular: no entry of the noise can undo the identity.
noise = arrays.arrays(np.float32, (4, 2, 2), elements=st.floats(-0.375, 0.375, width=32))
keypoints = st.builds(lambda p, n: Keypoints(jnp.asarray(p), jnp.asarray(n) + jnp.eye(2)), positions, noise)
transfer = jax.jit(lambda motion, initial, onto, scale: motion.transfer(initial, onto, scale=scale))


@settings(max_examples=40)
@given(keypoints, keypoints, keypoints, st.floats(0.25, 4, width=32))
def test_transfer_applies_the_change_since_the_initial_motion(motion, initial, onto, scale):
    moved = transfer(motion, initial, onto, scale)
    position, jacobian = (
        [np.asarray(getattr(x, name), np.float64) for x in (motion, initial, onto)] for name in ("position", "jacobian")
    )
    np.testing.assert_allclose(moved.position, position[2] + scale * (position[0] - position[1]), atol=1e-5)
    expected = jacobian[0] @ np.linalg.inv(jacobian[1]) @ jacobian[2]
    np.testing.assert_allclose(moved.jacobian, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=40)
@given(keypoints, keypoints)
def test_from_the_targets_own_pose_the_motion_is_the_drivers(motion, initial):
    moved = transfer(motion, initial, initial, 1.0)
    np.testing.assert_allclose(moved.position, motion.position, atol=1e-6)
    np.testing.assert_allclose(moved.jacobian, motion.jacobian, rtol=1e-4, atol=1e-4)


@settings(max_examples=40)
@given(keypoints, keypoints, st.floats(0.25, 4, width=32))
def test_without_a_change_the_target_keeps_its_pose(motion, onto, scale):
    moved = transfer(motion, motion, onto, scale)
    np.testing.assert_array_equal(moved.position, onto.position)
    np.testing.assert_allclose(moved.jacobian, onto.jacobian, rtol=1e-4, atol=1e-4)


def some_keypoints(seed: int, *batch: int) -> Keypoints:
    random = np.random.default_rng(seed)
    jacobian = np.eye(2) + random.uniform(-0.4, 0.4, (*batch, 4, 2, 2))
    position = random.uniform(-1, 1, (*batch, 4, 2))
    return Keypoints(jnp.asarray(position, jnp.float32), jnp.asarray(jacobian, jnp.float32))


@pytest.mark.parametrize("without", [0, 1, 2])
def test_without_a_jacobian_anywhere_positions_alone_are_transferred(without):
    three = [some_keypoints(seed) for seed in range(3)]
    complete = three[0].transfer(three[1], three[2])
    three[without] = three[without].replace(jacobian=None)
    moved = three[0].transfer(three[1], three[2])
    assert moved.jacobian is None
    np.testing.assert_array_equal(moved.position, complete.position)


def test_transfer_takes_batches_as_vmap_does():
    motion, initial, onto = some_keypoints(0, 3), some_keypoints(1), some_keypoints(2)
    together = motion.transfer(initial, onto)
    alone = jax.vmap(lambda x: x.transfer(initial, onto))(motion)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), together, alone)


def test_the_types_are_frozen_pytrees_in_which_none_is_absence():
    motion = some_keypoints(0)
    assert len(jax.tree.leaves(motion)) == 2 and len(jax.tree.leaves(motion.replace(jacobian=None))) == 1
    assert Keypoints(motion.position).jacobian is None
    warp = Warp(grid=jnp.zeros((2, 2, 2)), visibility=None, masks=jnp.ones((2, 2, 1)), candidates=None, deformed=None)
    rendering = Rendering(jnp.zeros((2, 2, 3)), warp)
    assert len(jax.tree.leaves(rendering)) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        motion.position = jnp.zeros((4, 2))


codes = arrays.arrays(np.float32, (5,), elements=st.floats(-10, 10, width=32)).map(
    lambda x: DrivingCode(jnp.asarray(x))
)


@settings(max_examples=20)
@given(codes, codes, codes, st.floats(0.5, 2, width=32))
def test_the_transfer_of_a_code_is_the_difference_times_the_scale(motion, initial, onto, scale):
    moved = transfer(motion, initial, onto, scale)
    expected = np.asarray(onto.code) + scale * (np.asarray(motion.code) - initial.code)
    np.testing.assert_allclose(moved.code, expected, atol=1e-4)
    np.testing.assert_allclose(transfer(motion, initial, initial, 1.0).code, motion.code, atol=1e-5)


def test_every_type_knows_whether_it_is_a_batch():
    image, grid = jnp.zeros((4, 4, 3)), jnp.zeros((4, 4, 2))
    singles = [
        (some_keypoints(0), some_keypoints(0, 2)),
        (DrivingCode(jnp.zeros(5)), DrivingCode(jnp.zeros((2, 5)))),
        (EncodedImage(image, [], some_keypoints(0)), EncodedImage(image[None], [], some_keypoints(0, 1))),
        (EmbeddedFace(image, image, grid, None), EmbeddedFace(image[None], image[None], None, None)),
    ]
    for single, several in singles:
        assert not single.batched and several.batched


def covariances(seed: int) -> jax.Array:
    factor = np.random.default_rng(seed).uniform(-0.5, 0.5, (4, 2, 2))
    return jnp.asarray(factor @ factor.swapaxes(1, 2) + 0.1 * np.eye(2), jnp.float32)


def test_the_covariance_stays_the_drivers_and_the_background_stands_still():
    motion, initial, onto = (
        some_keypoints(seed).replace(covariance=covariances(seed), background=jnp.eye(3)) for seed in range(3)
    )
    moved = motion.transfer(initial, onto)
    np.testing.assert_array_equal(moved.covariance, motion.covariance)
    assert moved.background is None


def test_an_adapted_covariance_changes_as_the_drivers_does():
    motion, initial, onto = (some_keypoints(seed).replace(covariance=covariances(seed)) for seed in range(3))
    moved = motion.transfer(initial, onto, adapt_variance=True)
    np.testing.assert_array_equal(moved.position, motion.transfer(initial, onto).position)
    ours, first, target = (np.asarray(x.covariance, np.float64) for x in (motion, initial, onto))
    change = ours @ np.linalg.inv(first) @ target
    for found, matrix in zip(np.asarray(moved.covariance), change, strict=True):
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        expected = (vectors * np.where(values > 0, values, 1e-6)) @ vectors.T
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    still = motion.transfer(motion, onto, adapt_variance=True)
    np.testing.assert_allclose(still.covariance, onto.covariance, rtol=1e-4, atol=1e-6)


def test_without_a_covariance_there_is_none_to_adapt():
    motion, initial, onto = (some_keypoints(seed) for seed in range(3))
    assert motion.transfer(initial, onto, adapt_variance=True).covariance is None


def test_stretched_keypoints_are_those_of_a_stretched_picture():
    """z -> diag(2, 1/2) z moves positions and, by the chain rule, what they say of their neighbourhood."""
    motion = some_keypoints(0, 3).replace(covariance=jnp.broadcast_to(covariances(0), (3, 4, 2, 2)))
    factors = jnp.broadcast_to(jnp.array([2.0, 0.5]), (3, 1, 2))
    stretched = motion.stretched(factors)
    np.testing.assert_allclose(stretched.position, motion.position @ np.diag([2, 0.5]), rtol=1e-6)
    np.testing.assert_allclose(stretched.jacobian, np.diag([2, 0.5]) @ np.asarray(motion.jacobian), rtol=1e-6)
    assert stretched.covariance is None
    assert motion.replace(jacobian=None).stretched(factors).jacobian is None


def some_head_motion(seed: int, *batch: int, scale: bool = False) -> HeadMotion:
    random = np.random.default_rng(seed)

    def draw(*shape: int, reach: float = 1.0) -> jax.Array:
        return jnp.asarray(random.uniform(-reach, reach, (*batch, *shape)), jnp.float32)

    rotation = rotation_matrix(draw(reach=60), draw(reach=60), draw(reach=60))
    size = jnp.asarray(random.uniform(0.5, 2, (*batch, 1)), jnp.float32) if scale else None
    return HeadMotion(rotation, draw(3), draw(4, 3), size)


@pytest.mark.parametrize("sized", [True, False])
def test_heads_are_turned_by_the_change_and_the_rest_is_added(sized):
    motion, initial, onto = (some_head_motion(seed, scale=sized) for seed in range(3))
    moved = motion.transfer(initial, onto, scale=1.5)
    # The turn that takes the initial rotation to this one takes that of the target to the result.
    turn = np.asarray(motion.rotation) @ np.linalg.inv(initial.rotation)
    np.testing.assert_allclose(moved.rotation, turn @ np.asarray(onto.rotation), atol=1e-5)
    for name in ("translation", "expression"):
        ours, first, target = (np.asarray(getattr(x, name)) for x in (motion, initial, onto))
        np.testing.assert_allclose(getattr(moved, name), target + 1.5 * (ours - first), atol=1e-6)
    if sized:
        np.testing.assert_allclose(moved.scale / onto.scale, motion.scale / initial.scale, rtol=1e-6)
    else:
        assert moved.scale is None


def test_from_the_targets_own_head_the_motion_is_the_drivers_and_without_a_change_nothing_moves():
    motion, onto = some_head_motion(0), some_head_motion(1)
    for moved, expected in ((motion.transfer(onto, onto), motion), (motion.transfer(motion, onto), onto)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), moved, expected)


def test_head_motions_take_batches_as_vmap_does():
    motion, initial, onto = some_head_motion(0, 3, scale=True), some_head_motion(1, scale=True), some_head_motion(2)
    together = motion.transfer(initial, onto)
    alone = jax.vmap(lambda x: x.transfer(initial, onto))(motion)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), together, alone)
    assert motion.batched and not initial.batched
    encoded = EncodedVolume(jnp.zeros((2, 4, 4, 3)), jnp.zeros((2, 1, 2, 2, 3)), jnp.zeros((2, 4, 3)), motion)
    assert encoded.batched
