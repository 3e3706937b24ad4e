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
from thf_jax.types import EncodedVolume, HeadMotion, Keypoints, Rendering, Warp

positions = arrays.arrays(np.float32, (4, 2), elements=st.floats(-1, 1, width=32))
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
