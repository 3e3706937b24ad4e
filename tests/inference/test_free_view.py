"""Heads turned by hand: angles set, added and locked, and what is taken from the driver."""

import itertools

import jax
import numpy as np
import pytest

from tests.inference.samples import HEAD_SETTINGS, pictures, tiny_head_animator
from tests.test_types import some_head_motion
from thf_jax.errors import InputError
from thf_jax.inference.animate import animate
from thf_jax.inference.best_frame import best_frame, hull_area, relative_scale
from thf_jax.inference.film import finisher
from thf_jax.inference.free_view import viewer
from thf_jax.inference.motion_files import read_motion, write_motion
from thf_jax.models.animator import Animator
from thf_jax.ops.rotation import angles_of

SOURCE = pictures(1, seed=1)[0]
FRAMES = pictures(4, seed=2)
HEAD = Animator("face_vid2vid", 32, HEAD_SETTINGS, {})
MOTION, OWN = some_head_motion(0), some_head_motion(1)


def turned(**options) -> dict[str, float]:
    result = look(**options)
    np.testing.assert_array_equal(result.translation, MOTION.translation)
    np.testing.assert_array_equal(result.expression, MOTION.expression)
    return angles(result)


def look(**options):
    return viewer(HEAD, options)(MOTION, OWN)


def angles(motion) -> dict[str, float]:
    return dict(zip(("yaw", "pitch", "roll"), map(float, angles_of(motion.rotation, pi=3.14)), strict=True))


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"yaw": 30.0}, {"yaw": 30}),
        ({"yaw": 0.0, "pitch": 0.0, "roll": 0.0}, {"yaw": 0, "pitch": 0, "roll": 0}),
        ({"pitch": -10.0, "pitch_offset": 4.0}, {"pitch": -6}),
        ({"roll_offset": 5.0}, {"roll": angles(MOTION)["roll"] + 5}),
        ({"lock": "yaw"}, {"yaw": angles(OWN)["yaw"]}),
        ({"lock": ["yaw", "roll"], "pitch": 3}, {**angles(OWN), "pitch": 3}),
    ],
)
def test_the_angles_named_are_those_of_the_result(options, changed):
    assert turned(**options) == pytest.approx({**angles(MOTION), **changed}, abs=1e-3)


def test_with_nothing_set_nothing_changes():
    jax.tree.map(np.testing.assert_array_equal, look(), MOTION)
    jax.tree.map(np.testing.assert_array_equal, look(yaw=None, lock=None, drive=None), MOTION)


@pytest.mark.parametrize(("drive", "own"), [("pose", {"expression"}), ("expression", {"rotation", "translation"})])
def test_pose_or_expression_alone(drive, own):
    result = look(drive=drive)
    for name in ("rotation", "translation", "expression"):
        np.testing.assert_array_equal(getattr(result, name), getattr(OWN if name in own else MOTION, name))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"yaw": 400.0}, "yaw is an angle in degrees from -360 to 360, not 400.0"),
        ({"roll_offset": float("nan")}, "roll_offset is an angle in degrees .*, not nan"),
        ({"pitch": "up"}, "pitch is an angle in degrees .*, not 'up'"),
        ({"lock": ["yawn"]}, "no angle named 'yawn' to lock; the nearest is 'yaw'"),
        ({"lock": ["yaw"], "yaw": 3.0}, "yaw is both locked and set to 3:"),
        ({"drive": "lips"}, "one of all, pose, expression, not 'lips'"),
    ],
)
def test_wrong_values_get_one_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        look(**options)


@pytest.fixture(scope="module")
def head_animator():
    return tiny_head_animator()


def images(renderings) -> np.ndarray:
    return np.stack([np.asarray(rendering.image) for rendering in renderings])


def by_hand(animator, motions) -> np.ndarray:
    encoded = animator.encode(SOURCE)
    return images(animator.render(encoded, motion) for motion in motions)


def test_the_loop_turns_what_it_transferred(head_animator):
    own, motions = head_animator.motion(SOURCE), [head_animator.motion(frame) for frame in FRAMES]
    assert min(np.abs(a.rotation - b.rotation).max() for a, b in itertools.pairwise(motions)) > 1e-4
    turn = viewer(head_animator, {"yaw": 20.0, "drive": "all"})
    expected = by_hand(head_animator, [turn(motion.transfer(motions[0], own), own) for motion in motions])
    np.testing.assert_allclose(images(animate(head_animator, SOURCE, FRAMES, yaw=20.0)), expected, atol=1e-4)
    expected = by_hand(head_animator, [turn(motion, own) for motion in motions])
    found = images(animate(head_animator, SOURCE, FRAMES, relative=False, yaw=20.0))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_scale_and_best_frame_are_those_of_posed_keypoints_in_3_d(head_animator):
    encoded, motions = head_animator.encode(SOURCE), [head_animator.motion(frame) for frame in FRAMES]
    rest = encoded.motion
    volumes = [hull_area(np.asarray(motion.pose(encoded.canonical).position)) for motion in (rest, motions[0])]
    scale = relative_scale(rest, motions[0], canonical=encoded.canonical)
    assert scale == pytest.approx((volumes[0] / volumes[1]) ** 0.5) and scale != 1
    expected = by_hand(head_animator, [motion.transfer(motions[0], rest, scale=scale) for motion in motions])
    np.testing.assert_allclose(images(animate(head_animator, SOURCE, FRAMES, adapt_scale=True)), expected, atol=1e-4)
    assert best_frame(rest, [*motions, rest], canonical=encoded.canonical)[0] == len(motions)
    cube = np.stack(np.meshgrid([0.0, 0.5], [0.0, 1.0], [0.0, 1.0]), -1).reshape(-1, 3)
    assert hull_area(cube) == pytest.approx(0.5) and hull_area(cube[:3]) == 0


def test_a_motion_file_of_heads_animates_as_the_clip_does(head_animator, tmp_path):
    motions = [head_animator.motion(frame) for frame in FRAMES]
    path = tmp_path / "nod.motion"
    write_motion(path, motions, system="face_vid2vid", rate=25.0, size=32)
    file = read_motion(path)
    for ours, theirs in zip(file, motions, strict=True):
        np.testing.assert_array_equal(ours.rotation, theirs.rotation)
        np.testing.assert_array_equal(ours.expression, theirs.expression)
    clip = images(animate(head_animator, SOURCE, FRAMES))
    np.testing.assert_array_equal(images(animate(head_animator, SOURCE, file)), clip)


def test_other_systems_refuse_the_free_view_and_this_one_detail(animator, head_animator):
    with pytest.raises(
        InputError, match="the option yaw is for models of face_vid2vid and liveportrait; this is one of fomm"
    ):
        animate(animator, SOURCE, FRAMES, yaw=0.0)
    with pytest.raises(InputError, match="--detail needs a model that warps pictures; face_vid2vid warps a volume"):
        finisher(head_animator, np.zeros((64, 64, 3), np.uint8))
