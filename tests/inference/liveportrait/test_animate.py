"""LivePortrait in the animate loop: options, frames of every kind, landmarks, moving sources."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import thf_jax as thf
from tests.inference.liveportrait.samples import SIZE, landmarks, tiny_portrait
from tests.inference.samples import pictures, tiny_animator
from thf_jax.errors import InputError
from thf_jax.inference.landmarks import openness
from thf_jax.inference.liveportrait.animate import portrait_pairs
from thf_jax.inference.liveportrait.expressions import expression_edit
from thf_jax.models.animator import Animator
from thf_jax.types import HeadMotion

SOURCE, FRAMES = pictures(1, height=SIZE, width=SIZE, seed=3)[0], pictures(3, height=SIZE, width=SIZE, seed=5)


@pytest.fixture(scope="module")
def portrait() -> Animator:
    return tiny_portrait()


def positions(animator: Animator, source=SOURCE, frames: Any = FRAMES, **options: Any) -> np.ndarray:
    """The keypoints that each frame is rendered with."""
    options = {"relative": True, "initial": None, "smooth": 0.0} | options
    return np.stack([np.asarray(x.position) for _, x in portrait_pairs(animator, source, frames, **options)])


def test_renderings_are_those_of_the_keypoints(portrait):
    renderings = list(thf.animate(portrait, SOURCE, FRAMES, region="lips", multiplier=1.5))
    assert [rendering.image.shape for rendering in renderings] == [(64, 64, 3)] * 3
    encoded = portrait.encode(SOURCE)
    for rendering, position in zip(renderings, positions(portrait, region="lips", multiplier=1.5), strict=True):
        expected = portrait.render(encoded, thf.Keypoints(jnp.asarray(position))).image
        np.testing.assert_allclose(rendering.image, expected, rtol=0, atol=1e-5)


def test_batches_make_no_difference(portrait):
    one_by_one, together = (
        np.stack([rendering.image for rendering in thf.animate(portrait, SOURCE, FRAMES, batch_size=size)])
        for size in (1, 2)
    )
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=1e-4)


def test_motions_drive_as_their_frames_do(portrait):
    motions = [portrait.motion(frame) for frame in FRAMES]
    np.testing.assert_allclose(positions(portrait, frames=motions), positions(portrait), rtol=0, atol=1e-6)


def test_frames_are_drawn_as_results_are_asked_for(portrait):
    drawn = []
    pairs = portrait_pairs(
        portrait, SOURCE, (drawn.append(1) or frame for frame in FRAMES), relative=True, initial=None, smooth=0.0
    )
    next(pairs)
    assert len(drawn) == 2  # whether a second one follows tells a clip from one driving picture


def test_without_stitching_the_first_frame_is_the_source(portrait):
    encoded = portrait.encode(SOURCE)
    still = encoded.motion.pose(encoded.canonical).position
    first = positions(portrait, stitching=False)[0]
    np.testing.assert_allclose(first, still, rtol=0, atol=1e-5)
    assert np.abs(positions(portrait)[0] - still).max() > 1e-3


def test_the_multiplier_lengthens_the_way_from_the_source(portrait):
    encoded = portrait.encode(SOURCE)
    still = np.asarray(encoded.motion.pose(encoded.canonical).position)
    once, twice = (positions(portrait, multiplier=factor) - still for factor in (1.0, 2.0))
    np.testing.assert_allclose(twice, 2 * once, rtol=0, atol=1e-5)
    np.testing.assert_allclose(positions(portrait, multiplier=0.0), np.broadcast_to(still, (3, 21, 3)), atol=1e-6)


def test_a_head_is_turned_and_its_expression_changed_by_hand(portrait):
    """All else is switched off: the motion is the source's own but for what is asked for."""
    still = portrait.encode(SOURCE)
    turned = positions(portrait, multiplier=1.0, region="eyes", stitching=False, yaw=10.0, pitch=0.0, roll=0.0)[0]
    yaw = np.radians(10)
    rotation = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    own = still.motion
    expected = own.scale * (still.canonical @ rotation.T.astype(np.float32) + own.expression) + own.translation
    np.testing.assert_allclose(turned, expected, rtol=0, atol=1e-4)
    smiling = positions(portrait, region="eyes", stitching=False, controls={"smile": 0.5})[0]
    change = own.scale * expression_edit({"smile": 0.5})
    np.testing.assert_allclose(smiling - own.pose(still.canonical).position, change, rtol=0, atol=1e-5)


def test_a_moving_source_is_edited_frame_by_frame(portrait):
    options = {"region": "eyes", "stitching": False}
    plain, edited = (positions(portrait, source=FRAMES, controls=c, **options) for c in (None, {"pout": 0.1}))
    scale = np.asarray(portrait.motion(FRAMES).scale)
    np.testing.assert_allclose((edited - plain)[:, 19, 0], 0.1 * scale[:, 0], rtol=0, atol=1e-5)


def test_another_initial_frame(portrait):
    initial = portrait.motion(FRAMES[2])
    found = positions(portrait, initial=initial, stitching=False)
    encoded = portrait.encode(SOURCE)
    np.testing.assert_allclose(found[2], encoded.motion.pose(encoded.canonical).position, rtol=0, atol=1e-5)


def test_retargeting_in_place_of_the_motion_or_on_top_of_it(portrait):
    """The original's way discards what the driver does else; the other one adds."""
    options = {"landmarks": landmarks, "stitching": False}
    plain = positions(portrait, stitching=False)
    encoded = portrait.encode(SOURCE)
    still = np.asarray(encoded.motion.pose(encoded.canonical).position)
    instead = positions(portrait, retarget=("eyes", "lips"), **options)
    added = positions(portrait, retarget=("eyes", "lips"), keep_motion=True, **options)
    np.testing.assert_allclose(added - plain, instead - still, rtol=0, atol=1e-5)
    eyes, lips = (positions(portrait, retarget=(part,), **options) - still for part in ("eyes", "lips"))
    np.testing.assert_allclose(eyes + lips, instead - still, rtol=0, atol=1e-5)
    assert np.abs(eyes).max() > 1e-3 and np.abs(lips).max() > 1e-3


def test_a_motion_may_bring_its_openness_along(portrait):
    by_landmarks = positions(portrait, retarget=("lips",), landmarks=landmarks)
    motions = [dataclasses.replace(portrait.motion(frame), openness=openness(landmarks(frame))) for frame in FRAMES]
    by_motion = positions(portrait, frames=motions, retarget=("lips",), landmarks=landmarks)
    np.testing.assert_allclose(by_motion, by_landmarks, rtol=0, atol=1e-6)


def test_a_driver_without_a_face_is_not_retargeted(portrait):
    seen = positions(portrait, retarget=("lips",), keep_motion=True, landmarks=landmarks)
    hidden = FRAMES[1].tobytes()
    gap = positions(
        portrait,
        retarget=("lips",),
        keep_motion=True,
        landmarks=lambda picture: None if picture.tobytes() == hidden else landmarks(picture),
    )
    np.testing.assert_allclose(gap[1], positions(portrait)[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(gap[[0, 2]], seen[[0, 2]], rtol=0, atol=1e-6)


def test_smoothing_calms_the_driver(portrait):
    rough, calm = (np.diff(positions(portrait, smooth=x, stitching=False), axis=0) for x in (0.0, 20.0))
    assert np.abs(calm).sum() < np.abs(rough).sum()


def test_a_moving_source_is_encoded_frame_by_frame(portrait):
    sources = pictures(4, height=SIZE, width=SIZE, seed=7)
    renderings = list(thf.animate(portrait, sources, FRAMES, region="eyes"))
    assert len(renderings) == 3
    for index, position in enumerate(positions(portrait, source=sources, region="eyes")):
        expected = portrait.render(portrait.encode(sources[index]), thf.Keypoints(jnp.asarray(position))).image
        np.testing.assert_allclose(renderings[index].image, expected, rtol=0, atol=1e-5)


def test_a_clip_that_drives_itself_in_absolute_motion_is_itself(portrait):
    """Up to the smoothing of its motion, which is all but switched off, and what no region holds."""
    found = positions(
        portrait,
        source=FRAMES,
        relative=False,
        region=("whole_expression", "pose"),
        stitching=False,
        observation_variance=1e-12,
    )
    encoded = portrait.encode(FRAMES)
    np.testing.assert_allclose(found, encoded.motion.pose(encoded.canonical).position, rtol=0, atol=1e-5)


def test_one_picture_drives_a_whole_clip(portrait):
    assert positions(portrait, source=FRAMES, frames=FRAMES[:1]).shape == (3, 21, 3)
    assert positions(portrait, frames=FRAMES[:1]).shape == (1, 21, 3)
    assert list(thf.animate(portrait, SOURCE, [])) == list(thf.animate(portrait, FRAMES, [])) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"region": "nose"}, "no region of a face named 'nose'"),
        ({"retarget": ("eyes",)}, "give landmarks="),
        ({"retarget": ("eyes",), "landmarks": landmarks, "yaw": 10.0}, "takes the place of all other motion"),
        ({"retarget": ("eyes",), "landmarks": landmarks, "controls": {"smile": 1.0}}, "takes the place of all other"),
        ({"rescale": True, "roll_offset": 5.0}, "rescale measures motion from the first result"),
        ({"rescale": True, "controls": {"smile": 1.0}}, "rescale measures motion from the first result"),
        ({"hold_eyes": True, "landmarks": landmarks}, "moving source"),
        ({"adapt_scale": True}, "adapt_scale means nothing"),
        ({"mode": "avd"}, "mraa"),
        ({"controls": {"frown": 1.0}}, "no control"),
        ({"yaw": 400.0}, "angle in degrees"),
        ({"normalize_lips": True, "landmarks": lambda picture: None}, "no face in the source"),
        ({"retarget": ("lips",), "landmarks": lambda picture: np.zeros((68, 2), np.float32)}, "203 landmarks"),
    ],
)
def test_what_does_not_fit_is_refused(portrait, options, sentence):
    with pytest.raises(InputError, match=sentence):
        thf.animate(portrait, SOURCE, FRAMES, **options)


def test_a_moving_source_is_not_rescaled_and_a_motion_must_tell_what_is_retargeted(portrait):
    with pytest.raises(InputError, match="keeps its own size"):
        thf.animate(portrait, FRAMES, FRAMES, rescale=True)
    motions = [portrait.motion(frame) for frame in FRAMES]
    with pytest.raises(InputError, match="does not tell how far eyes and lips are open"):
        list(thf.animate(portrait, SOURCE, motions, retarget=("lips",), landmarks=landmarks))


@pytest.mark.parametrize("frame", [thf.Keypoints(np.zeros((21, 3), np.float32)), "other count"])
def test_another_systems_motion_is_refused(portrait, frame):
    if isinstance(frame, str):
        eye = np.eye(3, dtype=np.float32)
        frame = HeadMotion(eye, eye[0], np.zeros((15, 3), np.float32))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=r"moves by HeadMotion \(21, 3\)"):
        list(thf.animate(portrait, SOURCE, [frame]))


def test_other_systems_lack_its_options():
    with pytest.raises(InputError, match="the option region is for models of liveportrait; this is one of fomm"):
        thf.animate(tiny_animator(), SOURCE, FRAMES, region="eyes")
