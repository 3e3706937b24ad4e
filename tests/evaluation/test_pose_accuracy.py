"""Angles between rotations against SciPy, and the pose score of animators whose answer is known."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from data_pipelines.moving_heads import on_the_fly
from thf_jax.errors import InputError
from thf_jax.evaluation.pose_accuracy import angle_between, evaluate_pose
from thf_jax.models.animator import Animator
from thf_jax.types import HeadMotion, Keypoints

SIZE = 24
HEADS = on_the_fly("eval", size=SIZE, clips=2, length=9)


@pytest.mark.parametrize("degrees", [0.01, 1.0, 90.0, 179.0])
def test_angles_between_rotations_are_those_of_scipy(degrees):
    rng = np.random.default_rng(0)
    first = Rotation.random(5, rng=rng)
    axes = rng.normal(size=(5, 3))
    second = first * Rotation.from_rotvec(np.deg2rad(degrees) * axes / np.linalg.norm(axes, axis=1, keepdims=True))
    ours = angle_between(*(jnp.asarray(turn.as_matrix(), jnp.float32) for turn in (first, second)))
    np.testing.assert_allclose(ours, np.rad2deg((first.inv() * second).magnitude()), rtol=2e-3, atol=2e-5)


@dataclasses.dataclass(frozen=True)
class Oracle(Animator):
    """Finds the true rotation, turned further about the vertical axis; order and pi are the system's own."""

    further: float = 0.0

    def motion(self, frame) -> Any:
        number = next(n for n in range(18) if (HEADS.frame(n) == frame).all())
        yaw, pitch, roll = HEADS.pose(number)
        pi = 3.14 if self.system == "face_vid2vid" else np.pi
        angles = {"x": pitch, "y": yaw, "z": roll}
        axes = "XYZ" if self.system == "face_vid2vid" else "ZYX"
        turn = Rotation.from_euler(axes, [angles[axis.lower()] * pi / 180 for axis in axes])
        turn = turn * Rotation.from_euler("y", self.further, degrees=True)
        return HeadMotion(jnp.asarray(turn.as_matrix(), jnp.float32), jnp.zeros(3), jnp.zeros((1, 3)))


@pytest.mark.parametrize("system", ["face_vid2vid", "liveportrait"])
@pytest.mark.parametrize("further", [0.0, 7.0])
def test_the_error_is_the_angle_to_the_true_rotation(system, further):
    score = evaluate_pose(Oracle(system, SIZE, {}, {}, further), HEADS, every=4)
    assert score is not None
    np.testing.assert_allclose(score.error, further, atol=1e-3)
    poses = np.deg2rad([HEADS.pose(number) for number in (0, 4, 8, 9, 13, 17)])
    angles = [Rotation.from_euler("XYZ", [pitch, yaw, roll]).magnitude() for yaw, pitch, roll in poses]
    if system == "face_vid2vid":
        np.testing.assert_allclose(score.facing, np.rad2deg(angles).mean(), rtol=1e-3)


def test_a_system_whose_motion_has_no_rotation_has_no_score():
    class Flat(Oracle):
        def motion(self, frame):
            return Keypoints(jnp.zeros((1, 2)))

    assert evaluate_pose(Flat("fomm", SIZE, {}, {}), HEADS) is None


def test_heads_of_another_size_are_refused():
    with pytest.raises(InputError, match="draw them at 64"):
        evaluate_pose(Oracle("face_vid2vid", 64, {}, {}), HEADS)
