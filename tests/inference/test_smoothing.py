"""The temporal filter against a plain loop over numbers, and its laws."""

import math

import numpy as np
import pytest

from thf_jax.inference.smoothing import QUICKNESS, SPEED_SHARE, smooth
from thf_jax.types import Keypoints


def one_euro(values, strength) -> list[float]:
    """The filter of the paper for one number, with a sampling rate of 1."""

    def share(cutoff):
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau)

    filtered, speed = [values[0]], 0.0
    for value in values[1:]:
        speed = SPEED_SHARE * (value - filtered[-1]) + (1 - SPEED_SHARE) * speed
        a = share(1 / (2 * math.pi * strength) + QUICKNESS * abs(speed))
        filtered.append(a * value + (1 - a) * filtered[-1])
    return filtered


def keypoints(count=30, seed=0) -> list[Keypoints]:
    random = np.random.default_rng(seed)
    position = np.cumsum(random.normal(0, 0.05, (count, 3, 2)), axis=0).astype(np.float32)
    jacobian = random.normal(0, 1, (count, 3, 2, 2)).astype(np.float32)
    return [Keypoints(p, j) for p, j in zip(position, jacobian, strict=True)]


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_each_number_is_filtered_by_itself(strength):
    motions = keypoints()
    filtered = list(smooth(motions, strength))
    for corner in [(0, 0), (2, 1)]:
        expected = one_euro([float(motion.position[corner]) for motion in motions], strength)
        np.testing.assert_allclose([motion.position[corner] for motion in filtered], expected, atol=1e-5)
    expected = one_euro([float(motion.jacobian[1, 0, 1]) for motion in motions], strength)
    np.testing.assert_allclose([motion.jacobian[1, 0, 1] for motion in filtered], expected, atol=1e-5)


def test_strength_zero_changes_nothing():
    motions = keypoints()
    assert list(smooth(motions, 0.0)) == motions


def test_rest_stays_rest_and_absent_jacobians_stay_absent():
    still = Keypoints(np.full((3, 2), 0.3, np.float32))
    for motion in smooth([still] * 5, 4.0):
        np.testing.assert_array_equal(motion.position, still.position)
        assert motion.jacobian is None


def test_jitter_shrinks_but_a_jump_is_followed():
    random = np.random.default_rng(0)
    jitter = random.normal(0, 0.003, (200, 1, 2)).astype(np.float32)
    calm = np.stack([motion.position for motion in smooth([Keypoints(p) for p in jitter], 5.0)])
    assert calm[20:].std() < 0.6 * jitter[20:].std()

    jump = np.concatenate([np.zeros((5, 1, 2)), np.ones((5, 1, 2))]).astype(np.float32)
    followed = np.stack([motion.position for motion in smooth([Keypoints(p) for p in jump], 5.0)])
    assert followed[6].min() > 0.9
