import dataclasses
from pathlib import Path

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordReader
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from tensorflow_datasets.proto import tf_example_pb2

from data_pipelines import moving_heads
from data_pipelines.datasets import open_dataset
from data_pipelines.errors import InputError
from data_pipelines.loader import pair_batches
from data_pipelines.moving_heads import (
    HeadState,
    clip_flow,
    clip_frames,
    clip_labels,
    clip_motion,
    clip_scene,
    on_the_fly,
    rotation,
)
from data_pipelines.moving_heads.labels import LANDMARKS, landmarks
from data_pipelines.moving_heads.motion import PITCH_LIMIT, ROLL_LIMIT, SCALE_RANGE, YAW_LIMIT
from data_pipelines.moving_heads.rendering import pixel_centres, render
from data_pipelines.moving_heads.scene import Part
from data_pipelines.moving_heads.surface import Layer, look, place
from data_pipelines.records import FILE_FORMAT

TURNED = HeadState(yaw=25, pitch=-12, roll=9, x=0.1, y=-0.05, scale=1.15)


def pixel_at(image, position):
    column, row = np.rint((position + 1) / 2 * (image.shape[0] - 1)).astype(int)
    return image[row, column]


def test_a_clip_depends_on_seed_and_index_alone():
    frames = clip_frames(3, 7, size=24, length=3)
    assert frames.shape == (3, 24, 24, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, clip_frames(3, 7, size=24, length=3))
    assert (frames != clip_frames(3, 8, size=24, length=3)).any()
    assert (frames != clip_frames(4, 7, size=24, length=3)).any()


@pytest.mark.parametrize("index", range(6))
def test_a_longer_clip_starts_with_the_shorter_one(index):
    long, short = clip_motion(0, index, length=200), clip_motion(0, index, length=40)
    np.testing.assert_array_equal(long.pose[:40], short.pose)
    np.testing.assert_array_equal(long.expression[:40], short.expression)


def test_neighbouring_clips_show_one_person_in_different_motion():
    first, second, stranger = (render(clip_scene(0, index), HeadState(), size=24) for index in (0, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - stranger).mean() > 0.02
    assert (clip_motion(0, 0, length=5).pose != clip_motion(0, 1, length=5).pose).all()


def test_people_differ_in_hair_light_and_background():
    scenes = [clip_scene(0, index) for index in range(0, 160, 2)]
    hair = {(Part.CAP in scene.solids, Part.LOCKS in scene.solids) for scene in scenes}
    assert hair == {(False, False), (True, False), (True, True)}
    assert {scene.background.pattern for scene in scenes} == {"spots", "stripes", "waves", "plain"}
    light = np.stack([scene.looks.light for scene in scenes])
    np.testing.assert_allclose(np.linalg.norm(light, axis=1), 1)
    assert light[:, 0].min() < -0.4 and light[:, 0].max() > 0.4
    assert len({tuple(scene.looks.hair) for scene in scenes}) == len(scenes)


def test_light_falls_on_the_side_it_comes_from():
    scene = clip_scene(0, 0)
    sides = []
    for direction in (-0.75, 0.75):
        light = np.array([direction, -0.3, 0.6]) / np.linalg.norm([direction, -0.3, 0.6])
        lit = dataclasses.replace(scene, looks=dataclasses.replace(scene.looks, light=light))
        picture = render(lit, HeadState(), size=48)
        face = look(lit, HeadState(), pixel_centres(48).reshape(-1, 2)).layer.reshape(48, 48) == Layer.FACE
        sides.append([picture[:, half][face[:, half]].mean() for half in (slice(0, 24), slice(24, 48))])
    assert sides[0][0] > sides[0][1] + 0.03
    assert sides[1][1] > sides[1][0] + 0.03


def test_splits_share_nobody():
    people = {split: {clip.identity for clip in on_the_fly(split, clips=50).clips} for split in ("train", "eval")}
    assert len(people["train"]) == len(people["eval"]) == 25
    assert not people["train"] & people["eval"]


def test_motion_is_smooth_and_within_its_limits():
    for index in range(20):
        motion = clip_motion(1, index, length=250)
        yaw, pitch, roll, _, _, scale = motion.pose.T
        assert np.abs(yaw).max() <= YAW_LIMIT
        assert np.abs(pitch).max() <= PITCH_LIMIT
        assert np.abs(roll).max() <= ROLL_LIMIT
        assert SCALE_RANGE[0] <= scale.min() and scale.max() <= SCALE_RANGE[1]
        assert np.abs(np.diff(motion.pose[:, :3], axis=0)).max() < 8  # degrees between neighbouring frames
        assert np.abs(motion.expression).max() <= 1
        blink = motion.expression[:, 2]
        assert blink.max() > 0.7 and np.median(blink) < 0.05


def test_landmarks_of_the_rigid_head_follow_the_pose_formula():
    turn = Rotation.from_euler("XYZ", [TURNED.pitch, TURNED.yaw, TURNED.roll], degrees=True)
    pivot = np.array([0, 0.38, -0.12])
    for seed in range(5):
        scene = clip_scene(seed, 0)
        nose, ear = scene.solids[Part.NOSE], scene.solids[Part.EAR_LEFT]
        points = {
            "nose_tip": nose.centre + nose.radii * (0, 0, 1),
            "ear_left": ear.centre + ear.radii * (-0.6, 0, 0.8),
        }
        position, _ = landmarks(scene, TURNED)
        for name, point in points.items():
            expected = TURNED.scale * (turn.apply(point - pivot) + pivot)[:2] + (TURNED.x, TURNED.y)
            np.testing.assert_allclose(position[LANDMARKS.index(name)], expected, atol=1e-12)


def test_pose_labels_are_angles_of_face_vid2vid():
    """R = Rx(pitch) Ry(yaw) Rz(roll), written out, turns the rigid landmarks of every frame."""
    scene, labels = clip_scene(2, 4), clip_labels(2, 4, length=40)
    tip = scene.solids[Part.NOSE].centre + scene.solids[Part.NOSE].radii * (0, 0, 1)
    chin = np.array([0, 0.97, 0.25]) / np.linalg.norm([0, 0.97, 0.25])
    chin = scene.solids[Part.JAW].centre + scene.solids[Part.JAW].radii * chin
    pivot = np.array([0, 0.38, -0.12])
    for time, (yaw, pitch, roll, x, y, scale) in enumerate(labels.pose):
        (cx, sx), (cy, sy), (cz, sz) = ((np.cos(np.pi * a / 180), np.sin(np.pi * a / 180)) for a in (pitch, yaw, roll))
        expected = np.array([
            [cy * cz, -cy * sz, sy],
            [cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy],
            [sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy],
        ])  # fmt: skip
        np.testing.assert_allclose(rotation(yaw, pitch, roll), expected, atol=1e-12)
        for name, point in (("nose_tip", tip), ("chin", chin)):
            placed = scale * (expected @ (point - pivot) + pivot)[:2] + (x, y)
            np.testing.assert_allclose(labels.landmarks[time, LANDMARKS.index(name)], placed, atol=1e-12)
    assert np.ptp(labels.pose[:, :3], axis=0).min() > 3  # degrees


def test_iris_landmarks_lie_on_the_pupils_of_the_picture():
    state = HeadState(yaw=14, pitch=6, roll=-10, gaze_x=-0.6, gaze_y=0.4, scale=1.2)
    for seed in range(4):
        scene = clip_scene(seed, 0)
        picture, (position, visible) = render(scene, state, size=256), landmarks(scene, state)
        for name in ("iris_left", "iris_right"):
            number = LANDMARKS.index(name)
            assert visible[number]
            assert pixel_at(picture, position[number]).max() < 0.2
        white = position[LANDMARKS.index("iris_right")] + (1.35 * state.scale * scene.face.iris, 0)
        assert pixel_at(picture, white).min() > 0.7


def test_the_inside_of_the_mouth_lies_between_the_lip_landmarks():
    lips = [LANDMARKS.index(name) for name in ("upper_lip_bottom", "lower_lip_top")]
    scene = clip_scene(0, 0)
    for opening in (0.0, 0.3, 1.0):
        state = TURNED._replace(mouth=opening)
        upper, lower = landmarks(scene, state)[0][lips]
        inside = upper + np.linspace(0.02, 0.98, 9)[:, None] * (lower - upper)
        if opening:
            np.testing.assert_array_equal(look(scene, state, inside).layer, Layer.MOUTH)
        else:
            np.testing.assert_allclose(upper, lower, atol=1e-5)


def test_lids_hide_the_irises():
    lids = [LANDMARKS.index(name) for name in ("iris_left", "iris_right")]
    for blink, seen in ((0.0, True), (1.0, False)):
        _, visible = landmarks(clip_scene(0, 0), HeadState(blink_left=blink, blink_right=blink))
        assert (visible[lids] == seen).all()


def test_far_ear_is_hidden_by_a_turn():
    ears = [LANDMARKS.index(name) for name in ("ear_left", "ear_right")]
    scene = clip_scene(0, 0)
    for yaw, expected in ((-35, [False, True]), (35, [True, False])):
        assert landmarks(scene, HeadState(yaw=yaw))[1][ears].tolist() == expected


def test_upright_head_is_symmetric():
    mirrored = [LANDMARKS.index(_swap_sides(name)) for name in LANDMARKS]
    for seed in range(3):
        scene = clip_scene(seed, 0)
        scene = dataclasses.replace(scene, hair=dataclasses.replace(scene.hair, parting=0.0, wave=0.0))
        position, _ = landmarks(scene, HeadState())
        np.testing.assert_allclose(position[mirrored] * (-1, 1), position, atol=1e-9)
        kinds = look(scene, HeadState(), pixel_centres(33).reshape(-1, 2)).layer.reshape(33, 33)
        for left, right in ((Part.EAR_LEFT, Part.EAR_RIGHT), (Layer.EYE_LEFT, Layer.EYE_RIGHT), (Part.CAP, Part.CAP)):
            np.testing.assert_array_equal((kinds == left)[:, ::-1], kinds == right)


def _swap_sides(name):
    return name.replace("left", "%").replace("right", "left").replace("%", "right")


@pytest.mark.parametrize("field", HeadState._fields)
def test_every_number_of_the_state_changes_the_picture(field):
    low, high = {"scale": (1.0, 1.2), "x": (0.0, 0.1), "y": (0.0, 0.1)}.get(field, (-1.0, 1.0))
    if field in ("yaw", "pitch", "roll", "occluder_turn"):
        low, high = -10.0, 10.0
    if field in ("mouth", "blink_left", "blink_right"):
        low = 0.0
    scene, state = clip_scene(0, 0, occluded=1.0), HeadState(mouth=0.2, occluder_x=0.6, occluder_y=0.3)
    first, second = (render(scene, state._replace(**{field: value}), size=48) for value in (low, high))
    assert np.abs(first - second).max() > 0.1


def test_positive_angles_turn_right_lift_and_tilt_clockwise():
    names = [LANDMARKS.index(name) for name in ("nose_tip", "eye_left_outer", "eye_right_outer")]
    scene = clip_scene(0, 0)

    def at(**angles):
        return landmarks(scene, HeadState(**angles))[0][names]

    assert at(yaw=10)[0, 0] > at()[0, 0]
    assert at(pitch=10)[0, 1] < at()[0, 1]
    assert at(roll=10)[1, 1] < at(roll=10)[2, 1]


angles = st.floats(-35, 35)
share = st.floats(0, 1)
states = st.builds(
    HeadState, yaw=angles, pitch=angles, roll=angles, x=st.floats(-0.2, 0.2), y=st.floats(-0.2, 0.2),
    scale=st.floats(0.7, 1.4), mouth=share, smile=st.floats(-1, 1), blink_left=share, blink_right=share,
    brow=st.floats(-1, 1), gaze_x=st.floats(-1, 1), gaze_y=st.floats(-1, 1),
    occluder_x=st.floats(-1.2, 1.2), occluder_y=st.floats(-0.5, 0.5), occluder_turn=angles,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(state=states, seed=st.integers(0, 1000))
def test_what_is_seen_at_a_place_is_placed_there(state, seed):
    scene, centres = clip_scene(seed, 0, occluded=0.5), pixel_centres(32).reshape(-1, 2)
    np.testing.assert_allclose(place(scene, state, look(scene, state, centres))[:, :2], centres, atol=1e-9)


def test_labels_are_those_of_the_frames():
    labels = clip_labels(0, 5, length=4)
    motion, scene = clip_motion(0, 5, length=4), clip_scene(0, 5)
    np.testing.assert_array_equal(labels.pose, motion.pose)
    np.testing.assert_array_equal(labels.expression, motion.expression)
    position, visible = landmarks(scene, motion.at(2))
    np.testing.assert_array_equal(labels.landmarks[2], position)
    np.testing.assert_array_equal(labels.visible[2], visible)
    assert labels.landmarks.shape == (4, len(LANDMARKS), 2)


def test_on_the_fly_reads_like_a_built_dataset(tmp_path):
    config = moving_heads.MovingHeadsConfig(
        name="tiny", size=32, clips={"train": 3, "eval": 2}, length=3, seed=5, occluded=0.5, flow=True
    )
    builder = moving_heads.MovingHeads(config=config, data_dir=str(tmp_path), file_format=FILE_FORMAT)
    builder.download_and_prepare()
    for split, clips in config.clips.items():
        built = open_dataset("moving_heads/tiny", split, data_dir=tmp_path)
        drawn = on_the_fly(split, size=32, clips=clips, length=3, seed=5, occluded=0.5)
        assert built.clips == drawn.clips
        assert built.size == drawn.size == 32
        for one, other in zip(built.frames(built.clips[1]), drawn.frames(drawn.clips[1]), strict=True):
            assert np.abs(one.astype(int) - other).mean() < 4  # JPEG
    first_of_eval = clip_labels(5, 1_000_000, length=3, occluded=0.5)
    record = builder.as_data_source("eval")[1]
    for name, label in first_of_eval._asdict().items():
        np.testing.assert_array_equal(record[name], label[1].astype(record[name].dtype))
    flow = clip_flow(5, 1_000_000, source=0, driving=1, size=32, occluded=0.5)
    np.testing.assert_array_equal(record["flow"], flow.grid)
    np.testing.assert_array_equal(record["visibility"], flow.visibility)
    assert builder.info.metadata["columns"]["landmarks"] == LANDMARKS
    # Protobuf writes the columns in an order that each process draws anew, unless it is told to sort them.
    for path in Path(builder.data_dir).glob("*.array_record-*"):
        for stored in ArrayRecordReader(str(path)).read_all():
            message = tf_example_pb2.Example.FromString(stored)
            assert message.SerializeToString(deterministic=True) == stored


def test_written_records_leave_the_memory():
    config = moving_heads.MovingHeadsConfig(name="tiny", size=8, clips={"train": 2}, length=2, flow=True)
    builder = moving_heads.MovingHeads(config=config, file_format=FILE_FORMAT)
    (shard,) = builder._shard_iterators_per_split(None)["train"]
    kept = [record for _, record in shard()]
    assert kept == [{}] * 4


def test_on_the_fly_feeds_the_pair_loader():
    dataset = on_the_fly("train", size=16, clips=4, length=3)
    frames = clip_frames(0, 1, size=16, length=3)
    np.testing.assert_array_equal(dataset.frame(4), frames[1])
    batch = next(pair_batches(dataset, batch_size=2, seed=0, threads=0))
    assert batch["source"].shape == batch["driving"].shape == (2, 16, 16, 3)
    with pytest.raises(ValueError, match="read-only"):
        dataset.frame(0)[0] = 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: on_the_fly("evl"), "no split evl: it has train, eval; did you mean eval"),
        (lambda: on_the_fly("train", clips=0), "at least 1"),
        (lambda: on_the_fly("train", size=2), "at least 8"),
        (lambda: clip_frames(0, 0, size=4, length=1), "at least 8"),
        (lambda: clip_labels(0, 0, length=0), "at least 1"),
        (lambda: clip_scene(0, 0, occluded=25), "from 0 to 1"),
        (lambda: clip_flow(0, 0, source=-1, driving=0, size=16), "no frame -1"),
    ],
)
def test_wrong_options_are_input_errors(call, message):
    with pytest.raises(InputError, match=message):
        call()
