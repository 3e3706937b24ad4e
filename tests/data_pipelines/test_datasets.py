"""Opening built datasets and folders of clips."""

import shutil
from fractions import Fraction

import numpy as np
import pytest

from data_pipelines.built import RecordDataset
from data_pipelines.datasets import Dataset, open_dataset
from data_pipelines.errors import InputError
from data_pipelines.images import resize
from data_pipelines.moving_heads.clips import clip_frames
from data_pipelines.records import ClipEntry, encode_frame


@pytest.mark.parametrize("below", ["", "voxceleb", "voxceleb/64", "voxceleb/64/1.0.0"])
def test_built_dataset_is_found_from_any_folder_above(built, below):
    dataset = open_dataset(built / below, "train")
    assert dataset.size == 64
    assert [clip.name for clip in dataset.clips] == ["anna_1", "anna_2", "bert#film#1", "carl"]


def test_built_dataset_is_found_by_name(built):
    assert open_dataset("voxceleb/64", "eval", data_dir=built).clips[0].name == "fred"


def test_frames_of_a_built_dataset(built, plain):
    dataset = open_dataset(built, "train")
    clip = dataset.clips[2]
    for number, (frame, expected) in enumerate(zip(dataset.frames(clip), plain(12, base=120), strict=True)):
        assert frame.dtype == np.uint8
        assert np.abs(frame.astype(int) - resize(expected, 64)).mean() < 3
        np.testing.assert_array_equal(dataset.frame(clip.start + number), frame)


def test_folder_of_clips_is_read_alike(source, built, tmp_path):
    shutil.copytree(source / "train", tmp_path / "train")
    for damaged in ("dora_broken.mp4", "emil_still.png"):
        (tmp_path / "train" / damaged).unlink()
    folder, records = open_dataset(tmp_path, "train", size=64), open_dataset(built, "train")
    assert folder.clips == records.clips
    for clip in folder.clips:
        for frame, stored in zip(folder.frames(clip), records.frames(clip), strict=True):
            assert np.abs(frame.astype(int) - stored).mean() < 2
    np.testing.assert_array_equal(folder.frame(11), list(folder.frames(folder.clips[2]))[2])


def test_folder_of_clips_keeps_its_size(tmp_path, save_frames, plain):
    save_frames(tmp_path / "eval" / "a", plain(3, side=24))
    dataset = open_dataset(tmp_path, "eval")
    assert dataset.size == 24
    assert dataset.clips == (ClipEntry("a", "a", 0, 3, None),)
    np.testing.assert_array_equal(np.stack(list(dataset.frames(dataset.clips[0]))), plain(3, side=24))


def test_video_folder_knows_rates(tmp_path, make_video, plain):
    (tmp_path / "eval").mkdir()
    make_video(tmp_path / "eval" / "x_1.mkv", plain(4), rate=Fraction(30))
    assert open_dataset(tmp_path, "eval").clips == (ClipEntry("x_1", "x", 0, 4, Fraction(30)),)


def test_mixed_sizes_are_refused(tmp_path, save_frames, plain):
    save_frames(tmp_path / "eval" / "a", plain(2, side=24))
    save_frames(tmp_path / "eval" / "b", plain(2, side=32))
    dataset = open_dataset(tmp_path, "eval")
    with pytest.raises(InputError, match=r"b has frames of 32 x 32, not 24 x 24 like the first: give the size"):
        list(dataset.frames(dataset.clips[1]))
    records = [{"image": encode_frame(plain(1, side=side)[0])} for side in (16, 24)]
    with pytest.raises(InputError, match="frame 1 is 24 x 24, the first is 16 x 16"):
        RecordDataset((ClipEntry("a", "a", 0, 2),), 16, records).frame(1)


def test_unknown_split_names_those_there_are(built, source):
    with pytest.raises(InputError, match="no split 'trian', it has eval, train; did you mean train"):
        open_dataset(built, "trian")
    with pytest.raises(InputError, match="no split 'test', it has eval, stills, train"):
        open_dataset(source, "test")


def test_wrong_places_are_refused(built, source, tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*nothing"):
        open_dataset(tmp_path / "nothing", "train")
    with pytest.raises(InputError, match=r"no dataset voxceleb/32 in .*: built there: voxceleb/64"):
        open_dataset("voxceleb/32", "train", data_dir=built)
    with pytest.raises(InputError, match="neither a built dataset nor"):
        open_dataset(tmp_path, "train")
    with pytest.raises(InputError, match="has frames of 64 x 64, not 32"):
        open_dataset(built, "train", size=32)


def test_several_datasets_are_named(built, tmp_path):
    for name in ("64", "128"):
        shutil.copytree(built / "voxceleb" / "64" / "1.0.0", tmp_path / "voxceleb" / name / "1.0.0")
    with pytest.raises(InputError, match=r"several datasets: name one of voxceleb/128/1.0.0, voxceleb/64/1.0.0"):
        open_dataset(tmp_path, "train")


def test_empty_split_of_a_folder_is_refused(source, tmp_path):
    (tmp_path / "train").mkdir()
    shutil.copytree(source / "eval", tmp_path / "eval")
    with pytest.raises(InputError, match="no split 'train', it has eval"):
        open_dataset(tmp_path, "train")


def test_dataset_without_index_is_refused(built, tmp_path):
    copy = shutil.copytree(built / "voxceleb" / "64" / "1.0.0", tmp_path / "1.0.0")
    (copy / "metadata.json").unlink()
    with pytest.raises(InputError, match="has no index of clips"):
        open_dataset(copy, "train")


def test_drawn_heads_need_no_build(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset("moving_heads", "train", size=16)
    assert isinstance(dataset, Dataset) and dataset.size == 16
    assert [(clip.start, clip.length, clip.rate) for clip in dataset.clips[:2]] == [(0, 16, 25), (16, 16, 25)]
    assert dataset.clips[0].identity == dataset.clips[1].identity != dataset.clips[2].identity
    wanted = clip_frames(0, 1, size=16, length=16)
    np.testing.assert_array_equal(dataset.frame(16 + 3), wanted[3])
    np.testing.assert_array_equal(next(dataset.frames(dataset.clips[1])), wanted[0])
    assert list(tmp_path.iterdir()) == []


def test_a_drawn_frame_is_drawn_once_and_safe_from_its_readers():
    dataset = open_dataset("moving_heads", "eval", size=16)
    frame = dataset.frame(0)
    assert dataset.frame(0) is frame
    with pytest.raises(ValueError, match="read-only"):
        frame[:] = 0


def test_drawn_splits_share_nobody():
    train, evaluation = (open_dataset("moving_heads", split) for split in ("train", "eval"))
    assert train.size == evaluation.size == 64
    assert not {clip.identity for clip in train.clips} & {clip.identity for clip in evaluation.clips}


def test_wrong_wishes_for_drawn_heads_are_refused():
    with pytest.raises(InputError, match="no split evl: it has train, eval; did you mean eval"):
        open_dataset("moving_heads", "evl")
    with pytest.raises(InputError, match="a picture of 4 x 4 cannot show a head"):
        open_dataset("moving_heads", "train", size=4)


@pytest.mark.parametrize("data_dir", ["{home}", "~"])
def test_heads_are_not_drawn_where_they_are_built(built, tmp_path, monkeypatch, data_dir):
    shutil.copytree(built / "voxceleb" / "64", tmp_path / "moving_heads" / "64")
    monkeypatch.setenv("HOME", str(tmp_path))
    dataset = open_dataset("moving_heads", "eval", data_dir=data_dir.format(home=tmp_path))
    assert isinstance(dataset, RecordDataset) and dataset.clips[0].name == "fred"


def test_damage_is_one_sentence(built, tmp_path):
    copy = shutil.copytree(built / "voxceleb" / "64" / "1.0.0", tmp_path / "1.0.0")
    (shard,) = copy.glob("voxceleb-train.array_record*")
    whole = shard.read_bytes()
    for damaged in (whole[:-1000], b"", whole[:100] + b"damage" + whole[106:]):
        shard.write_bytes(damaged)
        with pytest.raises(InputError, match=r"is damaged .*: build the dataset anew"):
            open_dataset(copy, "train")
    with pytest.raises(InputError, match=r"record 0 is damaged .*: build the dataset anew"):
        RecordDataset((ClipEntry("a", "a", 0, 1),), 16, [{"image": b"no picture"}]).frame(0)
