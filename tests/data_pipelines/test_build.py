"""The build command, and the dataset that it leaves."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from data_pipelines import records, sources
from data_pipelines.build import main
from data_pipelines.images import resize
from data_pipelines.records import ClipEntry, decode_frame, metadata_of, read_index
from data_pipelines.voxceleb import tasks


@pytest.fixture(scope="module")
def builder(built: Path):
    return tfds.builder_from_directory(str(built / "voxceleb" / "64" / "1.0.0"))


def test_index_survives_builder_from_directory(builder):
    assert read_index(builder, "train") == (
        ClipEntry("anna_1", "anna", 0, 5, Fraction(25)),
        ClipEntry("anna_2", "anna", 5, 4, Fraction(25)),
        ClipEntry("bert#film#1", "bert", 9, 12, None),
        ClipEntry("carl", "carl", 21, 3, None),
    )
    assert read_index(builder, "eval") == (ClipEntry("fred", "fred", 0, 4, Fraction(25)),)
    assert {name: info.num_examples for name, info in builder.info.splits.items()} == {"train": 24, "eval": 4}


def test_records_are_the_frames_cropped_and_resized(builder, plain):
    frames = [
        *plain(5, base=40),
        *(frame[:, 8:40] for frame in plain(4, base=80, width=48)),
        *plain(12, base=120, side=40),
        *plain(3, base=160),
    ]
    for record, frame in zip(builder.as_data_source("train"), frames, strict=True):
        difference = np.abs(decode_frame(record["image"]).astype(int) - resize(frame, 64))
        assert difference.mean() < 3
    clips = [record["clip"] for record in builder.as_data_source("train")]
    assert clips == [0] * 5 + [1] * 4 + [2] * 12 + [3] * 3


def test_what_is_left_out_is_reported(builder):
    assert metadata_of(builder)["left_out"] == [
        {"path": "stills", "reason": "the folder holds no clip of 2 or more frames"},
        {"path": "train/dora_broken.mp4", "reason": metadata_of(builder)["left_out"][1]["reason"]},
        {"path": "train/emil_still.png", "reason": "the clip has 1 frame, at least 2 are needed"},
    ]
    assert "the file cannot be read as a video" in metadata_of(builder)["left_out"][1]["reason"]


def test_report_and_progress(source, tmp_path, capsys):
    assert main(["voxceleb", "--source", str(source), "--data_dir", str(tmp_path), "--resolution", "64"]) == 0
    output, progress = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0] == "left out: 3"
    assert lines[1].split() == ["stills", "the", "folder", "holds", "no", "clip", "of", "2", "or", "more", "frames"]
    assert lines[-3:] == [
        "eval: 1 clips of 1 identities, 4 frames",
        "train: 4 clips of 3 identities, 24 frames",
        f"built {tmp_path / 'voxceleb' / '64' / '1.0.0'}",
    ]
    assert progress.splitlines() == ["clips: 7 of 7, done", "eval: 1 of 1, done", "train: 4 of 4, done"]
    assert [path.name for path in (tmp_path / "voxceleb" / "64").iterdir()] == ["1.0.0"]
    assert not (tmp_path / "downloads").exists()


def test_many_shards(source, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "CLIPS_PER_SHARD", 1)
    assert main(["voxceleb", "--source", str(source), "--data_dir", str(tmp_path), "--resolution", "64"]) == 0
    many = tfds.builder_from_directory(str(tmp_path / "voxceleb" / "64" / "1.0.0"))
    assert many.info.splits["train"].shard_lengths == [5, 4, 12, 3]
    clips = [record["clip"] for record in many.as_data_source("train")]
    assert clips == [0] * 5 + [1] * 4 + [2] * 12 + [3] * 3


def test_identity_is_read_from_the_name():
    names = ["id1#film_a#3.mp4", "p7_x_2.mp4", "solo.gif", "id2#film.v2#1"]
    assert [sources.identity_of(Path(name)) for name in names] == ["id1", "p7", "solo", "id2"]


def run(capsys, *words):
    """Exit status and what stderr says."""
    status = main([str(word) for word in words])
    return status, capsys.readouterr().err


def test_wrong_options_are_one_sentence(source, built, tmp_path, capsys):
    place = ["--data_dir", tmp_path / "data"]
    wrong = {
        "there is no folder": ["voxceleb", "--source", tmp_path / "nothing", *place],
        "invalid choice: 100": ["voxceleb", "--source", source, "--resolution", "100", *place],
        "invalid choice: 'voxcelb'": ["voxcelb", *place],
        "required: --source": ["voxceleb", *place],
        "--frames is 1: give at least 2": ["moving_heads", "--frames", "1", *place],
        "--resolution is 4: give at least 8": ["moving_heads", "--resolution", "4", *place],
        "--occluded is 101: give at most 100": ["moving_heads", "--occluded", "101", *place],
        "is already built": ["voxceleb", "--source", source, "--data_dir", built, "--resolution", "64"],
        "nothing can be written": ["voxceleb", "--source", source, "--data_dir", source / "notes.txt"],
        "has no folder with clips": ["voxceleb", "--source", source / "stills", *place],
    }
    for message, words in wrong.items():
        status, error = run(capsys, *words)
        assert status == 2
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_split_of_damaged_clips_alone_is_absent(source, tmp_path, capsys, make_video, plain):
    for split in ("train", "eval"):
        (tmp_path / "clips" / split).mkdir(parents=True)
    make_video(tmp_path / "clips" / "eval" / "a.mp4", plain(4))
    (tmp_path / "clips" / "train" / "b.mp4").write_text("no video")
    words = ["voxceleb", "--source", tmp_path / "clips", "--data_dir", tmp_path / "data", "--resolution", "64"]
    status, error = run(capsys, *words)
    assert (status, error.count("\n")) == (2, 1)
    assert "the split train has no usable clip among 1" in error
    assert not (tmp_path / "data").exists()

    # The beginning of this one is fine, so that the damage shows only when the split is being written.
    noise = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    path = make_video(tmp_path / "clips" / "train" / "b.mp4", list(noise), movflags="faststart")
    path.write_bytes(path.read_bytes()[:-5000])
    assert main([str(word) for word in words]) == 0
    output = capsys.readouterr().out
    assert "warning: the split train is absent: none of its 1 clips is usable\n" in output
    assert "left out: 1\n" in output
    dataset = tfds.builder_from_directory(str(tmp_path / "data" / "voxceleb" / "64" / "1.0.0"))
    assert [*dataset.info.splits] == [*metadata_of(dataset)["clips"]] == ["eval"]


def test_dataset_of_damaged_clips_alone_is_refused(tmp_path, capsys, make_video):
    noise = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    (tmp_path / "clips" / "train").mkdir(parents=True)
    path = make_video(tmp_path / "clips" / "train" / "b.mp4", list(noise), movflags="faststart")
    path.write_bytes(path.read_bytes()[:-5000])
    words = ["voxceleb", "--source", tmp_path / "clips", "--data_dir", tmp_path / "data", "--resolution", "64"]
    status, error = run(capsys, *words, "--workers", 1)
    assert status == 2
    assert error.splitlines()[-1].startswith("build: no split has a usable clip among 1: the video is damaged")
    assert not (tmp_path / "data").exists()


def test_name_that_cannot_be_a_split_is_refused(tmp_path, capsys, save_frames, plain):
    save_frames(tmp_path / "clips" / "my-train" / "a", plain(2))
    status, error = run(capsys, "voxceleb", "--source", tmp_path / "clips", "--data_dir", tmp_path / "data")
    assert status == 2
    assert "my-train cannot be a split" in error


def test_failed_work_is_status_1(source, tmp_path, capsys, monkeypatch):
    def fail(frame):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks, "encode_frame", fail)
    words = ["voxceleb", "--source", source, "--data_dir", tmp_path / "data", "--resolution", "64", "--workers", 1]
    status, error = run(capsys, *words)
    assert status == 1
    assert "No space left on device" in error
    assert "Traceback" not in error
    assert not (tmp_path / "data").exists()


def test_command_without_tensorflow(source, tmp_path):
    code = (
        "import sys; from data_pipelines.build import main; status = main(sys.argv[1:]); "
        "assert not {'tensorflow', 'torch', 'thf_jax'} & set(sys.modules); sys.exit(status)"
    )
    words = ["voxceleb", "--source", str(source), "--data_dir", str(tmp_path), "--resolution", "128"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["clips: 7 of 7, done", "eval: 1 of 1, done", "train: 4 of 4, done"]


def test_moving_heads_are_built_alike(tmp_path, capsys):
    words = [
        "moving_heads",
        "--data_dir",
        tmp_path,
        "--resolution",
        "64",
        "--clips",
        "2",
        "--frames",
        "2",
        "--seed",
        "3",
    ]
    assert run(capsys, *words)[0] == 0
    heads = tfds.builder_from_directory(str(tmp_path / "moving_heads" / "64_2x2_seed3" / "1.0.0"))
    assert [clip.length for clip in read_index(heads, "train")] == [2, 2]
    assert Image.fromarray(decode_frame(heads.as_data_source("eval")[0]["image"])).size == (64, 64)


def test_moving_heads_of_any_size_with_occluders_and_flow(tmp_path, capsys):
    options = {"--resolution": 20, "--clips": 6, "--frames": 2, "--occluded": 100, "--data_dir": tmp_path}
    words = [word for option in options.items() for word in option]
    assert run(capsys, "moving_heads", *words, "--flow")[0] == 0
    heads = tfds.builder_from_directory(str(tmp_path / "moving_heads" / "20_6x2_seed0_occluded100_flow" / "1.0.0"))
    record = heads.as_data_source("eval")[1]
    assert record["flow"].shape == (20, 20, 2)
    assert record["visibility"].shape == (20, 20)
    np.testing.assert_array_equal(heads.as_data_source("eval")[0]["visibility"], 1)
