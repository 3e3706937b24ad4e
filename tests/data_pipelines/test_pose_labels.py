"""How heads are turned, from wherever a dataset knows it."""

import numpy as np
import pytest

from data_pipelines.build import main
from data_pipelines.built import RecordDataset
from data_pipelines.datasets import open_dataset
from data_pipelines.errors import InputError
from data_pipelines.loader import pair_batches
from data_pipelines.moving_heads import on_the_fly
from data_pipelines.moving_heads.clips import FIRST_CLIP, clip_motion
from data_pipelines.pose_labels import COLUMNS, clip_pose, frame_pose
from data_pipelines.records import ClipEntry


def expected(seed: int, index: int, length: int) -> np.ndarray:
    """From the states that the pictures are drawn of."""
    motion = clip_motion(seed, index, length=length)
    return np.array([[getattr(motion.at(time), name) for name in COLUMNS] for time in range(length)])


def frame_numbers(clip):
    return range(clip.start, clip.start + clip.length)


@pytest.mark.parametrize("split", ["train", "eval"])
def test_drawn_heads_know_it(split):
    dataset = open_dataset("moving_heads", split, size=8)
    for number in (0, 5):
        clip = dataset.clips[number]
        found = clip_pose(dataset, clip)
        assert np.abs(found).max() > 1
        np.testing.assert_allclose(found, expected(0, FIRST_CLIP[split] + number, clip.length), rtol=1e-6)


def test_drawn_heads_of_another_seed_know_theirs():
    dataset = on_the_fly("eval", size=8, clips=3, length=5, seed=7)
    for number, clip in enumerate(dataset.clips):
        np.testing.assert_allclose(clip_pose(dataset, clip), expected(7, FIRST_CLIP["eval"] + number, 5), rtol=1e-6)


def test_built_heads_keep_it_in_their_records(tmp_path):
    words = ["moving_heads", "--data_dir", str(tmp_path), "--resolution", "64", "--clips", "3", "--frames", "4"]
    assert main([*words, "--seed", "7"]) == 0
    dataset = open_dataset("moving_heads", "train", data_dir=tmp_path)
    for number, clip in enumerate(dataset.clips):
        np.testing.assert_allclose(clip_pose(dataset, clip), expected(7, number, 4), rtol=1e-5)


def test_columns_are_found_by_their_names():
    clip = ClipEntry("a", "a", 1, 2)
    records = [{"pose": np.array([9, 3, 8, 1, 2]) + 10 * number} for number in range(3)]
    columns = {"pose": ["x", "roll", "y", "yaw", "pitch"]}
    found = clip_pose(RecordDataset((clip,), 16, records, columns), clip)
    np.testing.assert_array_equal(found, [[11, 12, 13], [21, 22, 23]])
    with pytest.raises(InputError, match="the clip a has no head pose"):
        clip_pose(RecordDataset((clip,), 16, records, {"pose": ["x", "yaw", "y", "pitch", "z"]}), clip)


def test_other_datasets_do_not(built, source):
    for location in (built, source):
        dataset = open_dataset(location, "eval", size=64)
        with pytest.raises(InputError, match="the clip fred has no head pose: give moving_heads"):
            clip_pose(dataset, dataset.clips[0])
        with pytest.raises(InputError, match="the clip fred has no head pose"):
            pair_batches(dataset, batch_size=1, seed=0, pose=True)


def test_a_batch_has_the_pose_of_its_driving_frames_as_they_are_shown():
    dataset = open_dataset("moving_heads", "train", size=8)
    frames = {dataset.frame(number).tobytes(): number for clip in dataset.clips for number in frame_numbers(clip)}
    batch, without = (
        next(pair_batches(dataset, pose=pose, batch_size=16, seed=2, repeats=4, threads=0)) for pose in (True, False)
    )
    mirrored = 0
    for image, (yaw, pitch, roll) in zip(batch["driving"], batch.pop("pose").tolist(), strict=True):
        if image.tobytes() in frames:
            expected = frame_pose(dataset, frames[image.tobytes()])
        else:
            expected = frame_pose(dataset, frames[image[:, ::-1].tobytes()]) * [-1, 1, -1]
            mirrored += 1
        np.testing.assert_allclose([yaw, pitch, roll], expected, rtol=1e-5)
    assert 0 < mirrored < 16
    np.testing.assert_equal(batch, without)


def test_the_pose_of_a_frame_is_that_within_its_clip():
    dataset = open_dataset("moving_heads", "eval", size=8)
    clip = dataset.clips[3]
    for number in (clip.start, clip.start + clip.length - 1):
        np.testing.assert_array_equal(frame_pose(dataset, number), clip_pose(dataset, clip)[number - clip.start])
