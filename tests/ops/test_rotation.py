"""Head rotations against SciPy's, known angles, and what a pose does to keypoints against a loop."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.errors import InputError
from thf_jax.ops.rotation import (
    PUBLISHED_PI,
    angles_of,
    expected_degrees,
    pose_keypoints,
    product3,
    rotation_matrix,
)

# SciPy's capital letters turn about the axes of the body: factors from left to right.
SCIPY = {"pitch_yaw_roll": "XYZ", "roll_pitch_yaw": "XYZ", "roll_yaw_pitch": "ZYX"}
orders = pytest.mark.parametrize("order", SCIPY)
YAW, PITCH, ROLL = (
    numbers(5, low=-80, high=80),
    numbers(5, seed=1, low=-80, high=80),
    numbers(5, seed=2, low=-80, high=80),
)


@orders
def test_the_matrix_is_scipys(order):
    degrees = {"yaw": YAW, "pitch": PITCH, "roll": ROLL}
    factors = np.stack([np.asarray(degrees[name], np.float64) for name in order.split("_")], -1)
    expected = Rotation.from_euler(SCIPY[order], factors, degrees=True).as_matrix()
    close(all_ways(lambda *x: rotation_matrix(*x, order=order), YAW, PITCH, ROLL), expected.astype(np.float32))


@pytest.mark.parametrize(
    ("angles", "point", "moved"),
    [
        # (yaw, pitch, roll); x to the right, y down, z into the picture.
        ((90.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ((0.0, 90.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        ((0.0, 0.0, 90.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.3, 0.2, 0.1), (0.3, 0.2, 0.1)),
    ],
)
def test_a_quarter_turn_about_one_axis(angles, point, moved):
    matrix = rotation_matrix(*map(jnp.float32, angles))
    np.testing.assert_allclose(np.asarray(matrix) @ np.array(point), moved, atol=1e-6)


def test_the_older_order_exchanges_the_axes():
    zero, angle = jnp.float32(0), jnp.float32(20)
    older = rotation_matrix(angle, zero, zero, order="roll_pitch_yaw")
    np.testing.assert_allclose(older, rotation_matrix(zero, zero, angle), atol=1e-7)


@orders
@given(angles=st.lists(st.floats(-85, 85, width=32), min_size=3, max_size=3))
def test_rotations_are_orthonormal_and_can_be_taken_apart(order, angles):
    matrix = rotation_matrix(*map(jnp.float32, angles), order=order, pi=PUBLISHED_PI)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(matrix), 1, atol=1e-6)
    np.testing.assert_allclose(angles_of(matrix, order=order, pi=PUBLISHED_PI), angles, atol=1e-3)


@orders
def test_angles_beyond_a_quarter_turn_name_the_same_rotation(order):
    matrix = rotation_matrix(*map(jnp.float32, (120.0, -130.0, 170.0)), order=order)
    again = rotation_matrix(*angles_of(matrix, order=order), order=order)
    np.testing.assert_allclose(again, matrix, atol=1e-6)


def test_an_unknown_order_is_answered_with_the_nearest():
    zero = jnp.float32(0)
    with pytest.raises(InputError, match="'pitch_yaw_rol'; the nearest is 'pitch_yaw_roll'"):
        rotation_matrix(zero, zero, zero, order="pitch_yaw_rol")
    with pytest.raises(InputError, match="no order of rotations named"):
        angles_of(jnp.eye(3), order="yaw")


def test_degrees_are_the_mean_under_the_softmax():
    logits = np.asarray(numbers(2, 66, high=4))
    share = np.exp(logits.astype(np.float64))
    share /= share.sum(-1, keepdims=True)
    mean = (share * np.arange(66)).sum(-1)
    close(all_ways(expected_degrees, jnp.asarray(logits)), (3 * mean - 99).astype(np.float32), 1e-5)
    close(expected_degrees(jnp.asarray(logits), first=-97.5), (3 * mean - 97.5).astype(np.float32), 1e-5)


@pytest.mark.parametrize(("bin", "degrees"), [(0, -99), (33, 0), (65, 96)])
def test_one_certain_bin_is_its_angle(bin, degrees):
    np.testing.assert_allclose(expected_degrees(100 * jnp.eye(66)[bin]), degrees, atol=1e-4)


@pytest.mark.parametrize("scaled", [False, True])
def test_posed_keypoints_are_a_loops(scaled):
    canonical, expression = numbers(4, 3), numbers(4, 3, seed=1)
    rotation, translation = rotation_matrix(YAW[0], PITCH[0], ROLL[0]), numbers(3, seed=2)
    scale = jnp.array([1.3]) if scaled else None
    expected = np.stack(
        [
            (np.asarray(rotation) @ np.asarray(x) + np.asarray(d)) * (1.3 if scaled else 1) + np.asarray(translation)
            for x, d in zip(canonical, expression, strict=True)
        ]
    )
    arguments = (canonical, rotation, translation, expression, *([scale] if scaled else []))
    close(all_ways(pose_keypoints, *arguments), expected)


def test_products_broadcast():
    first, second = numbers(4, 3, 3), numbers(3, 3, seed=1)
    close(all_ways(product3, first, jnp.broadcast_to(second, first.shape)), np.asarray(first) @ np.asarray(second))
    close(product3(first, second), np.asarray(first) @ np.asarray(second))


@orders
def test_derivatives(order):
    check_derivatives(lambda *x: rotation_matrix(*x, order=order), YAW, PITCH, ROLL)
    matrix = rotation_matrix(YAW, PITCH, ROLL, order=order)
    check_derivatives(lambda *x: angles_of(rotation_matrix(*x, order=order), order=order), YAW, PITCH, ROLL)
    assert np.isfinite(jax.jacrev(lambda m: jnp.stack(angles_of(m, order=order)))(matrix[0])).all()


def test_derivatives_of_bins_and_poses():
    check_derivatives(expected_degrees, numbers(6))
    check_derivatives(pose_keypoints, *(numbers(*shape) for shape in ((4, 3), (3, 3), (3,), (4, 3), (1,))))


def test_pi_is_that_of_the_weights():
    one = rotation_matrix(jnp.float32(90), jnp.float32(0), jnp.float32(0), pi=PUBLISHED_PI)
    np.testing.assert_allclose(one[0, 2], math.sin(PUBLISHED_PI / 2), atol=1e-7)
