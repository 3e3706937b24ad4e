"""Local affine motions and their blend, against the equations written as loops."""

import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.ops.motion import blend_flows, local_affine_flows, relative_jacobian
from thf_jax.ops.sampling import pixel_grid, sample

SHAPE = (4, 5)
SOURCE, DRIVING = numbers(3, 2, seed=1), numbers(3, 2, seed=2)
JACOBIANS = numbers(3, 2, 2, seed=3) + jnp.eye(2)


def flows(source, driving, jacobian):
    return local_affine_flows(source, driving, jacobian, SHAPE)


compiled = jax.jit(flows)


def test_relative_jacobian_is_source_times_inverse_of_driving():
    other = numbers(3, 2, 2, seed=4) + 2 * jnp.eye(2)
    expected = np.asarray(JACOBIANS) @ np.linalg.inv(np.asarray(other, np.float64))
    close(all_ways(relative_jacobian, JACOBIANS, other), expected.astype(np.float32), 1e-5)


def test_without_a_jacobian_on_either_side_there_is_none():
    assert relative_jacobian(None, JACOBIANS) is None
    assert relative_jacobian(JACOBIANS, None) is None


def test_flows_are_the_equation():
    source, driving, jacobian = (np.asarray(x, np.float64) for x in (SOURCE, DRIVING, JACOBIANS))
    expected = np.zeros((4, *SHAPE, 2))
    for row, column in np.ndindex(*SHAPE):
        z = np.array([2 * column / 4 - 1, 2 * row / 3 - 1])
        expected[0, row, column] = z
        for k in range(3):
            expected[k + 1, row, column] = source[k] + jacobian[k] @ (z - driving[k])
    close(all_ways(flows, SOURCE, DRIVING, JACOBIANS), expected.astype(np.float32), 1e-5)


def test_each_motion_finds_its_own_keypoint():
    """T_k(d_k) = s_k: the flow, itself read at the driving keypoint, is the source's."""
    found = jax.jit(jax.vmap(sample))(compiled(SOURCE, DRIVING, JACOBIANS)[1:], DRIVING)
    np.testing.assert_allclose(found, SOURCE, atol=1e-5)


def test_equal_keypoints_leave_everything_in_place():
    grid = np.broadcast_to(pixel_grid(SHAPE), (4, *SHAPE, 2))
    np.testing.assert_allclose(compiled(SOURCE, SOURCE, relative_jacobian(JACOBIANS, JACOBIANS)), grid, atol=1e-5)


@settings(max_examples=30)
@given(*[arrays.arrays(np.float32, (3, 2), elements=st.floats(-1, 1, width=32))] * 2)
def test_zeroth_order_is_first_order_with_identity_jacobians(source, driving):
    source, driving = jnp.asarray(source), jnp.asarray(driving)
    identity = jnp.broadcast_to(jnp.eye(2), (3, 2, 2))
    first = compiled(source, driving, relative_jacobian(identity, identity))
    np.testing.assert_allclose(compiled(source, driving, None), first, atol=1e-6)


def test_the_blend_is_the_mean_under_the_masks():
    motions = numbers(3, *SHAPE, 2)
    masks = jax.nn.softmax(numbers(*SHAPE, 3, seed=5), axis=-1)
    expected = sum(np.asarray(masks)[..., k, None] * np.asarray(motions)[k] for k in range(3))
    close(all_ways(blend_flows, motions, masks), expected)


def test_a_mask_of_one_chooses_its_motion():
    motions, chosen = numbers(3, *SHAPE, 2), np.arange(20).reshape(SHAPE) % 3
    blended = blend_flows(motions, jax.nn.one_hot(chosen, 3))
    np.testing.assert_array_equal(blended, np.take_along_axis(np.asarray(motions), chosen[None, ..., None], 0)[0])


def test_derivatives():
    check_derivatives(flows, SOURCE, DRIVING, JACOBIANS)
    check_derivatives(relative_jacobian, JACOBIANS, JACOBIANS + jnp.eye(2))
    check_derivatives(blend_flows, numbers(3, 2, 2, 2), numbers(2, 2, 3))
