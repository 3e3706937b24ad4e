"""How heads are turned, from wherever a dataset knows it."""

import numpy as np
import pytest

from data_pipelines.build import main
from data_pipelines.built import RecordDataset
from data_pipelines.datasets import open_dataset
from data_pipelines.errors import InputError
from data_pipelines.moving_heads.clips import FIRST_CLIP, clip_motion
from data_pipelines.pose_labels import COLUMNS, clip_pose
from data_pipelines.records import ClipEntry


def expected(seed: int, index: int, length: int) -> np.ndarray:
    """From the states that the pictures are drawn of."""
    motion = clip_motion(seed, index, length=length)
    return np.array([[getattr(motion.at(time), name) for name in COLUMNS] for time in range(length)])


@pytest.mark.parametrize("split", ["train", "eval"])
def test_drawn_heads_know_it(split):
    dataset = open_dataset("moving_heads", split, size=8)
    for number in (0, 5):
        clip = dataset.clips[number]
        found = clip_pose(dataset, clip)
        assert np.abs(found).max() > 1
        np.testing.assert_allclose(found, expected(0, FIRST_CLIP[split] + number, clip.length), rtol=1e-6)


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
