"""Pose and sound as drivers: the published formulas, with batch norm and all offsets written out."""

import jax
import jax.numpy as jnp
import numpy as np

from thf_jax.models.x2face_codes import AudioCodes, PoseCodes
from thf_jax.types import DrivingCode

RANDOM = np.random.default_rng(0)
W, B = RANDOM.standard_normal((3, 5)), RANDOM.standard_normal(3)
LINEAR = RANDOM.standard_normal((5, 3))
GAIN, SHIFT, MEAN, VAR = RANDOM.standard_normal((4, 5)) ** 2 + 0.1
REGRESSION, INTERCEPT = RANDOM.standard_normal((5, 7)), RANDOM.standard_normal(5)
CODES, POSES, SOUNDS = (RANDOM.standard_normal((4, size)) for size in (5, 3, 7))

POSE = PoseCodes(*(jnp.asarray(x, jnp.float32) for x in (W, B, (GAIN / np.sqrt(VAR + 1e-5))[:, None] * LINEAR)))
AUDIO = AudioCodes(jnp.asarray(REGRESSION, jnp.float32))


def float32(x):
    return jnp.asarray(x, jnp.float32)


def pose_of(code):
    return W @ code + B


def code_of(pose):
    """Batch norm with running statistics behind a layer without bias."""
    return (LINEAR @ pose - MEAN) / np.sqrt(VAR + 1e-5) * GAIN + SHIFT


def test_a_pose_takes_the_place_of_the_codes_own():
    turned = jax.jit(PoseCodes.turned)(POSE, DrivingCode(float32(CODES)), float32(POSES))
    expected = [v - code_of(pose_of(v)) + code_of(p) for v, p in zip(CODES, POSES, strict=True)]
    np.testing.assert_allclose(turned.code, expected, atol=1e-4)
    np.testing.assert_allclose(POSE.pose(DrivingCode(float32(CODES))), [pose_of(v) for v in CODES], atol=1e-5)


def test_one_code_serves_many_poses_and_its_own_pose_changes_nothing():
    code = DrivingCode(float32(CODES[0]))
    turned = POSE.turned(code, float32(POSES))
    np.testing.assert_allclose(turned.code[2], POSE.turned(code, float32(POSES[2])).code, atol=1e-5)
    np.testing.assert_allclose(POSE.turned(code, POSE.pose(code)).code, CODES[0], atol=1e-5)


def spoken(code, feature, initial):
    rest = np.maximum(code, 0)
    return rest, rest + (REGRESSION @ feature + INTERCEPT) - (REGRESSION @ initial + INTERCEPT)


def test_sound_changes_the_rectified_code():
    expected = [spoken(CODES[0], sound, SOUNDS[0])[1] for sound in SOUNDS]
    found = AUDIO.spoken(DrivingCode(float32(CODES[0])), float32(SOUNDS), float32(SOUNDS[0]))
    np.testing.assert_allclose(found.code, expected, atol=1e-4)
    np.testing.assert_allclose(found.code[0], np.maximum(CODES[0], 0), atol=1e-6)


def test_the_pose_can_be_kept_from_the_sound():
    expected = []
    for sound in SOUNDS:
        rest, changed = spoken(CODES[0], sound, SOUNDS[0])
        expected.append(changed + code_of(pose_of(rest)) - code_of(pose_of(changed)))
    found = AUDIO.spoken(DrivingCode(float32(CODES[0])), float32(SOUNDS), float32(SOUNDS[0]), pose=POSE)
    np.testing.assert_allclose(found.code, expected, atol=1e-3)
