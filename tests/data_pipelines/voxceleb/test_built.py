"""The dataset as it is built from tracks and from metadata, in processes and on Beam, at once and after a kill."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_pipelines.build import main
from data_pipelines.datasets import open_dataset
from data_pipelines.images import resize
from data_pipelines.records import decode_frame, metadata_of, read_index
from data_pipelines.voxceleb import BuildOptions, Recipe
from data_pipelines.voxceleb.work import work_folder

from .conftest import head_frames

COMMAND = [sys.executable, "-m", "data_pipelines.build", "voxceleb"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built(official, tmp_path_factory, build):
    return build(official, tmp_path_factory.mktemp("built"), "--workers", "1")


@pytest.fixture(scope="module")
def builder(built):
    return tfds.builder_from_directory(str(built))


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
        "id10001/-good_one-A/00002/22-25": "the face stays in place for 3 frames, at least 8 are needed",
        "id10270/good_two_BB/00002": "no face in any of its 10 frames",
        "id10270/good_two_BB/00003/0-10": "the box is outside the picture of 96 x 72",
        "id10270/good_two_BB/00004/0-10": "the face is 9 pixels large, at least 16 are needed",
        "id10270/good_two_BB/00005": "the track has no line FRAME X Y W H",
        "id10270/short_one_C/00001/0-12": "the clip has 5 frames before the video ends, at least 8 are needed",
    }


def test_metadata_gives_the_same_frames(built, tabled, tmp_path, build):
    folder = build(tabled, tmp_path, "--workers", "1")
    rows, tracks = tfds.builder_from_directory(str(folder)), tfds.builder_from_directory(str(built))
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
    assert "good_two_BB in line 13" in left_out
    assert len(left_out) == 9


def test_checksums_are_those_of_the_shards(built):
    lines = (built / "SHA256SUMS").read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == sorted(path.name for path in built.glob("*.array_record-*"))
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((built / name).read_bytes()).hexdigest() == digest


def test_processes_change_no_byte(built, official, tmp_path, build):
    folder = build(official, tmp_path, "--workers", "2")
    assert contents(folder) == contents(built)
    assert [path.name for path in folder.parent.iterdir()] == ["1.0.0"]


def test_beam_changes_no_byte(built, official, tmp_path):
    pytest.importorskip(
        "apache_beam",
        reason="Apache Beam is not installed; in an environment of its own: "
        "pip install '.[beam,dev]' && python -m pytest tests/data_pipelines/voxceleb -k beam",
    )
    done = subprocess.run(
        [*COMMAND, *words_for(official, tmp_path), "--beam", "--runner=DirectRunner"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "voxceleb" / "vox1_64" / "1.0.0") == contents(built)


def test_beam_that_is_not_installed_is_one_sentence(official, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert main(["voxceleb", *words_for(official, tmp_path), "--beam", "--runner=DirectRunner"]) == 2
    assert capsys.readouterr().err.startswith("build: --beam needs Apache Beam: install thf-jax[beam]")
    assert list(tmp_path.iterdir()) == []


def words_for(source: Path, data_dir: Path) -> list[str]:
    place = ["--source", str(source), "--data_dir", str(data_dir), "--resolution", "64"]
    return [*place, "--min_frames", "8", "--min_side", "16"]


# The build as a command, which dies where the environment says: with no warning, before its job of that number.
KILLED = """
import os, signal, sys
from data_pipelines import build
from data_pipelines.voxceleb import work

perform, calls = work.perform, 0

def counted(job):
    global calls
    if calls == int(os.environ["DIES_BEFORE"]):
        os.kill(os.getpid(), signal.SIGKILL)
    calls += 1
    perform(job)
    print("made", job[0].origin, file=sys.__stderr__, flush=True)

work.perform = counted
sys.exit(build.main(sys.argv[1:]))
"""


def test_killed_build_goes_on_and_repeats_nothing(built, official, tmp_path):
    made = []
    for dies_before in (3, 2, 100):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, "voxceleb", *words_for(official, tmp_path), "--workers", "1"],
            env={**os.environ, "DIES_BEFORE": str(dies_before)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == (0 if dies_before == 100 else -signal.SIGKILL), done.stderr
        made.append([line.removeprefix("made ") for line in done.stderr.splitlines() if line.startswith("made ")])
    assert [len(names) for names in made] == [3, 2, 3]
    assert len({name for names in made for name in names}) == 8
    folder = tmp_path / "voxceleb" / "vox1_64"
    assert contents(folder / "1.0.0") == contents(built)
    assert [path.name for path in folder.iterdir()] == ["1.0.0"]


def test_build_killed_at_any_time_loses_nothing(built, official, tmp_path):
    """Two processes, killed from outside as soon as a clip is finished."""
    work = tmp_path / "voxceleb" / "vox1_64" / "1.0.0.work"
    command = [*COMMAND, *words_for(official, tmp_path), "--workers", "2"]
    status = 0
    while status == 0:  # On a busy machine the build may be done before the kill.
        shutil.rmtree(tmp_path / "voxceleb", ignore_errors=True)
        build = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while build.poll() is None and not [*work.glob("*.clip"), *work.glob("*.left_out")]:
            time.sleep(0.01)
        build.kill()
        status = build.wait()
    assert status == -signal.SIGKILL
    assert all(path.stat().st_size for pattern in ("*.clip", "*.left_out") for path in work.glob(pattern))
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert contents(work.with_name("1.0.0")) == contents(built)
    assert [path.name for path in work.parent.iterdir()] == ["1.0.0"]


def test_second_build_at_the_same_time_is_refused(official, tmp_path, capsys):
    dataset = tmp_path / "voxceleb" / "vox1_64" / "1.0.0"
    with work_folder(dataset, keep=dataset):
        assert main(["voxceleb", *words_for(official, tmp_path)]) == 2
    assert "is being built by another process" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["voxceleb/vox1_64", "voxceleb/vox1_64:1.0.0"])
def test_tfds_finds_the_dataset_by_name(built, name):
    by_name = tfds.builder(name, data_dir=str(built.parents[2]))
    assert by_name.is_prepared()
    assert len(by_name.as_data_source("train")) == 20
    assert len(tfds.data_source(name, split="test", data_dir=str(built.parents[2]))) == 24
    assert open_dataset("voxceleb/vox1_64", "test", data_dir=built.parents[2]).size == 64


def test_tfds_builds_without_the_command(official, tmp_path):
    options = BuildOptions(recipe=Recipe(min_frames=8, min_side=16), workers=1)
    builder = tfds.builder("voxceleb/vox1_64", data_dir=str(tmp_path), options=options)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(official)))
    assert builder.info.splits["train"].num_examples == 20
