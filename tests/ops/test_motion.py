"""Local affine motions and their blend, against the equations written as loops."""

import hypothesis.extra.numpy as arrays
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.ops.motion import (
    SMALLEST_DEPTH,
    blend_flows,
    local_affine_flows,
    projective_flow,
    relative_jacobian,
    unswapped,
)
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


def test_a_matrix_is_unswapped_by_its_first_entry():
    matrices = np.array([[[2, 1], [3, -4]], [[-2, 1], [3, 4]], [[0, -1], [1, 0]], [[-0.0, 1], [1, -1]]], np.float32)
    expected = matrices * np.array([1, -1, 1, 1], np.float32)[:, None, None]
    np.testing.assert_array_equal(all_ways(unswapped, jnp.asarray(matrices)), expected)


def test_flips_of_either_frames_axes_change_no_unswapped_motion():
    source, driving = numbers(5, 2, 2, seed=8) + 2 * jnp.eye(2), numbers(5, 2, 2, seed=9) + 2 * jnp.eye(2)
    expected = unswapped(relative_jacobian(source, driving))
    for flip in ((1, -1), (-1, 1), (-1, -1)):
        flipped = unswapped(relative_jacobian(flip[0] * source, flip[1] * driving))
        close(flipped, expected)


def projected(matrix: np.ndarray) -> np.ndarray:
    """Pixel by pixel."""
    expected = np.zeros((*SHAPE, 2))
    for row, column in np.ndindex(*SHAPE):
        x, y, depth = matrix @ np.array([2 * column / 4 - 1, 2 * row / 3 - 1, 1])
        expected[row, column] = x / depth, y / depth
    return expected


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        np.array([[1, 0, 0.25], [0, 1, -0.5], [0, 0, 1]]),
        np.array([[0.9, 0.2, 0.1], [-0.3, 1.2, 0.05], [0, 0, 1]]),
        np.array([[0.9, 0.2, 0.1], [-0.3, 1.2, 0.05], [0.2, -0.3, 1]]),
    ],
    ids=["identity", "shift", "affine", "perspective"],
)
def test_the_background_is_projected(matrix):
    flow = all_ways(lambda x: projective_flow(x, SHAPE), jnp.asarray(matrix, jnp.float32))
    close(flow, projected(matrix).astype(np.float32), 1e-6)


def test_a_shift_is_added_to_every_position():
    matrix = jnp.eye(3).at[:2, 2].set(jnp.array([0.25, -0.5]))
    close(projective_flow(matrix, SHAPE), pixel_grid(SHAPE) + jnp.array([0.25, -0.5]))


def test_a_vanishing_depth_sends_no_pixel_to_infinity():
    """The depth is x: 0 in the middle column, which counts as positive, and just below 0 with a small offset."""
    for offset, sign in ((0.0, 1), (-1e-5, -1)):
        matrix = jnp.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [1.0, 0.0, offset]])
        middle = projective_flow(matrix, SHAPE)[:, 2]
        expected = np.stack([np.full(4, 0.5), np.linspace(-1, 1, 4)], -1) / (sign * SMALLEST_DEPTH)
        np.testing.assert_allclose(middle, expected, rtol=1e-5)
        slopes = jax.jacrev(lambda x: projective_flow(x, SHAPE))(matrix)
        assert np.isfinite(slopes).all()


def test_the_background_moves_alone():
    matrix = jnp.asarray(numbers(3, 3, seed=7) / 4 + jnp.eye(3))
    moved = local_affine_flows(SOURCE, DRIVING, JACOBIANS, SHAPE, background=matrix)
    close(moved[0], projective_flow(matrix, SHAPE))
    np.testing.assert_array_equal(moved[1:], flows(SOURCE, DRIVING, JACOBIANS)[1:])


def test_derivatives_of_a_projection():
    check_derivatives(lambda x: projective_flow(x, SHAPE), numbers(3, 3, seed=7) / 5 + jnp.eye(3))
