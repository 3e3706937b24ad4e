"""The dataset as it is built from tracks and from metadata, and as TFDS finds it."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_pipelines.datasets import open_dataset
from data_pipelines.errors import InputError
from data_pipelines.images import resize
from data_pipelines.records import decode_frame, metadata_of, read_index
from data_pipelines.voxceleb import BuildOptions, Recipe

from .conftest import contents, head_frames, shares, write_track


@pytest.fixture(scope="module")
def builder(official_built):
    return tfds.builder_from_directory(str(official_built))


def test_clips_of_the_official_layout(builder):
    assert [(clip.name, clip.length) for clip in read_index(builder, "train")] == [
        ("id10001#-good_one-A#00001#000002#000014", 12),
        ("id10001#-good_one-A#00002#000014#000022", 8),
    ]
    assert [(clip.name, clip.length) for clip in read_index(builder, "test")] == [
        ("id10270#good_two_BB#00001#000000#000024", 24)
    ]
    assert {(clip.identity, clip.rate) for clip in read_index(builder, "train")} == {("id10001", Fraction(25))}


def test_frames_are_the_right_ones_cropped(builder):
    # 50 px at (23, 11), enlarged by 5 at each end.
    whole = head_frames(0, 30)
    frames = [resize(frame[6:66, 18:78], 64) for frame in whole[2:22]]
    for record, frame in zip(builder.as_data_source("train"), frames, strict=True):
        assert np.abs(decode_frame(record["image"]).astype(int) - frame).mean() < 3


def test_everything_that_is_left_out_has_a_reason(builder):
    left_out = {item["path"]: item["reason"] for item in metadata_of(builder)["left_out"]}
    assert left_out.pop("id10001/breaks_offD/00001/0-30").startswith("the video is damaged")
    assert left_out.pop("id10001/no_video_EE/00001/0-10").startswith("the file cannot be read as a video")
    assert left_out == {
        "gone_videoF": "the video is missing, and 2 tracks with it",
        "id10001/landscape_G/00001": "no face in any of its 0 frames",
        "id10001/-good_one-A/00002/22-25": "the face stays in place for 3 frames, at least 8 are needed",
        "id10270/good_two_BB/00002": "no face in any of its 10 frames",
        "id10270/good_two_BB/00003/0-10": "the box is outside the picture of 96 x 72",
        "id10270/good_two_BB/00004/0-10": "the face is 9 pixels large, at least 16 are needed",
        "id10270/good_two_BB/00005": "the track has no line FRAME X Y W H",
        "id10270/short_one_C/00001/0-12": "the clip has 5 frames before the video ends, at least 8 are needed",
    }


def test_metadata_gives_the_same_frames(official_built, tabled, tmp_path, build):
    folder = build(tabled, tmp_path, "--workers", "1")
    rows, tracks = tfds.builder_from_directory(str(folder)), tfds.builder_from_directory(str(official_built))
    assert [clip.name for clip in read_index(rows, "train")] == [
        "id10001#-good_one-A#000002#000014",
        "id10001#-good_one-A#000014#000022",
    ]
    for split in ("train", "test"):
        assert [r["image"] for r in rows.as_data_source(split)] == [r["image"] for r in tracks.as_data_source(split)]
    left_out = {item["path"]: item["reason"] for item in metadata_of(rows)["left_out"]}
    assert left_out["id10001/-good_one-A/14-22"] == "the clip is named twice"
    assert left_out["id10001/-good_one-A/1-4"] == "the clip has 3 frames, at least 8 are needed"
    assert left_out["id10270/good_two_BB/0-10"] == "the box is outside the picture of 96 x 72"
    assert left_out["id10270/good_two_BB/1-10"] == "the box encloses nothing"
    assert left_out["gone_videoF"] == "the video is missing, and 1 track with it"
    assert left_out["id10001/landscape_G/0-10"] == "the box encloses nothing"
    assert "good_two_BB in line 14" in left_out
    assert len(left_out) == 10


def test_checksums_are_those_of_the_shards(official_built):
    lines = (official_built / "SHA256SUMS").read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == sorted(
        path.name for path in official_built.glob("*.array_record-*")
    )
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((official_built / name).read_bytes()).hexdigest() == digest


def test_processes_change_no_byte(official_built, official, tmp_path, build):
    folder = build(official, tmp_path, "--workers", "2")
    assert contents(folder) == contents(official_built)
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


@pytest.mark.parametrize("name", ["voxceleb/vox1_64", "voxceleb/vox1_64:1.0.0"])
def test_tfds_finds_the_dataset_by_name(official_built, name):
    by_name = tfds.builder(name, data_dir=str(official_built.parents[2]))
    assert by_name.is_prepared()
    assert len(by_name.as_data_source("train")) == 20
    assert len(tfds.data_source(name, split="test", data_dir=str(official_built.parents[2]))) == 24
    assert open_dataset("voxceleb/vox1_64", "test", data_dir=official_built.parents[2]).size == 64


def test_tfds_builds_without_the_command(official, tmp_path):
    options = BuildOptions(recipe=Recipe(min_frames=8, min_side=16), workers=1)
    builder = tfds.builder("voxceleb/vox1_64", data_dir=str(tmp_path), options=options)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(official)))
    assert builder.info.splits["train"].num_examples == 20


def test_voxceleb2(videos, tmp_path, build):
    for identity, video in {"id00012": "-good_one-A", "id00017": "good_two_BB"}.items():
        write_track(tmp_path / "dev" / "txt" / identity / video / "00001.txt", shares(2, 12))
    build(tmp_path, tmp_path / "data", "--videos", str(videos), "--workers", "1")
    builder = tfds.builder_from_directory(str(tmp_path / "data" / "voxceleb" / "vox2_64" / "1.0.0"))
    names = [clip.name for split in ("train", "test") for clip in read_index(builder, split)]
    assert names == ["id00012#-good_one-A#00001#000002#000014", "id00017#good_two_BB#00001#000002#000014"]


def test_configurations():
    sizes = ("64", "128", "256", "512")
    names = [f"{collection}{size}" for collection in ("", "vox1_", "vox2_") for size in sizes]
    assert list(tfds.builder_cls("voxceleb").builder_configs) == names + [f"{name}_labels" for name in names]


def test_configuration_of_the_wrong_collection_is_refused(official, tmp_path):
    options = BuildOptions(recipe=Recipe(min_frames=8, min_side=16), workers=1)
    builder = tfds.builder("voxceleb/vox2_64", data_dir=str(tmp_path), options=options)
    with pytest.raises(InputError, match="not all identities of the source are of VoxCeleb2"):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(official)))
