"""Head pose from landmarks: recovered from pictures of a head whose pose is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.head_pose import FOCAL_LENGTH, MEAN_FACE, head_pose

angles = st.tuples(st.floats(-60, 60), st.floats(-40, 40), st.floats(-45, 45))


def turn(yaw, pitch, roll):
    """The rotation as three matrices by hand; x right, y down, z towards the viewer."""
    y, p, r = np.deg2rad((yaw, pitch, roll))
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


def pinhole(pose, *, at=(20.0, -10.0), distance=900.0):
    """All 68 landmarks of the mean face as a pinhole camera sees them, those that are not firm in the middle."""
    landmarks = np.zeros((68, 2))
    for number, point in MEAN_FACE.items():
        x, y, z = turn(*pose) @ point
        landmarks[number] = FOCAL_LENGTH * (x + at[0]) / (distance - z), FOCAL_LENGTH * (y + at[1]) / (distance - z)
    return landmarks


@given(angles, st.floats(-80, 80), st.floats(-80, 80), st.floats(500, 3000))
def test_known_poses_are_recovered(pose, x, y, distance):
    np.testing.assert_allclose(head_pose(pinhole(pose, at=(x, y), distance=distance)), pose, atol=1e-4)


def test_signs():
    straight = pinhole((0, 0, 0), at=(0, 0))
    tip, eye, mirror = 30, 36, 45
    right = pinhole((20, 0, 0), at=(0, 0))  # the nose's tip moves to the right of the eyes
    assert right[tip, 0] - right[[eye, mirror], 0].mean() > straight[tip, 0] - straight[[eye, mirror], 0].mean()
    lifted = pinhole((0, 20, 0), at=(0, 0))  # the nose's tip moves up towards the eyes
    assert lifted[tip, 1] - lifted[[eye, mirror], 1].mean() < straight[tip, 1] - straight[[eye, mirror], 1].mean()
    tilted = pinhole((0, 0, 20), at=(0, 0))  # clockwise: the eye on the right of the picture goes down
    assert tilted[mirror, 1] > straight[mirror, 1] and tilted[eye, 1] < straight[eye, 1]
    for pose, picture in {(20, 0, 0): right, (0, 20, 0): lifted, (0, 0, 20): tilted}.items():
        np.testing.assert_allclose(head_pose(picture), pose, atol=1e-4)


def test_a_mirrored_face_has_the_opposite_yaw_and_roll():
    partner = np.arange(68)
    for left, right in ((31, 35), (36, 45), (39, 42)):
        partner[[left, right]] = right, left
    mirrored = pinhole((25, -10, 15))[partner] * (-1, 1)
    np.testing.assert_allclose(head_pose(mirrored), (-25, -10, -15), atol=1e-4)


def test_noise_of_half_a_pixel_turns_the_head_by_little():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(50):
        pose = rng.uniform((-30, -20, -20), (30, 20, 20))
        noisy = pinhole(pose, distance=1000) + rng.normal(0, 0.5 * 2 / 255, (68, 2))
        errors.append(np.abs(head_pose(noisy) - pose))
    assert (np.mean(errors, axis=0) < (2, 2, 1)).all()


def test_no_landmarks_no_pose():
    assert np.isnan(head_pose(np.full((68, 2), np.nan))).all()


def test_the_pose_is_opencvs():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: it would check the head pose by its solvePnP")
    away = np.diag([1.0, 1.0, -1.0])  # OpenCV's z points away from the viewer
    camera = np.diag([FOCAL_LENGTH, FOCAL_LENGTH, 1.0])
    points, firm = np.array(list(MEAN_FACE.values())) @ away, list(MEAN_FACE)
    rng = np.random.default_rng(0)
    for _ in range(20):
        landmarks = pinhole(rng.uniform((-40, -25, -30), (40, 25, 30))) + rng.normal(0, 0.01, (68, 2))
        seen = landmarks[firm]
        _, vector, shift = cv2.solvePnP(points, seen, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        _, vector, _ = cv2.solvePnP(points, seen, camera, None, vector, shift, True, cv2.SOLVEPNP_ITERATIVE)
        rotation = away @ cv2.Rodrigues(vector)[0] @ away
        np.testing.assert_allclose(rotation, turn(*head_pose(landmarks)), atol=2e-3)
