"""Face labels beside the frames. The detector is replaced, so that its models are not needed."""

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_pipelines import faces
from data_pipelines.build import main
from data_pipelines.datasets import open_dataset
from data_pipelines.faces import Face
from data_pipelines.pose_labels import clip_pose
from data_pipelines.records import decode_frame, metadata_of, read_index
from data_pipelines.voxceleb import builder as builder_module
from data_pipelines.voxceleb import on_beam, work
from data_pipelines.voxceleb.tasks import Task, perform

from .conftest import contents, pixels_of_360, words_for, write_track


def grey(frame):
    return float(frame.astype(np.float64).mean())


@pytest.fixture(scope="module")
def darkest(official_built):
    """The grey of the darkest frame of the split train."""
    records = tfds.builder_from_directory(str(official_built)).as_data_source("train")
    return min(grey(decode_frame(record["image"])) for record in records)


@pytest.fixture(scope="module")
def seen(darkest):
    """The greys of the frames that the detector was shown, which finds no face in the darkest of the split train."""
    shown = []

    def read_face(frame):
        shown.append(grey(frame))
        if shown[-1] == darkest:
            return None
        values = np.full(199, shown[-1], np.float32)
        return Face(values[:136].reshape(68, 2), values[:1].repeat(128), shown[-1] + np.arange(3, dtype=np.float32))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "MODULES", {})
        patch.setattr(faces, "read_face", read_face)
        yield shown


@pytest.fixture(scope="module")
def built_once(seen, official, tmp_path_factory, build):
    """The folder of the dataset that was built from `official` with labels, and what the detector was shown for it."""
    folder = build(official, tmp_path_factory.mktemp("labelled"), "--workers", "1", "--labels")
    return folder.parents[1] / "vox1_64_labels" / "1.0.0", list(seen)


@pytest.fixture(scope="module")
def labelled(built_once):
    return built_once[0]


def test_labels_stand_beside_the_same_frames(labelled, official_built, darkest):
    builder, plain = (tfds.builder_from_directory(str(folder)) for folder in (labelled, official_built))
    without_face = 0
    for split in ("train", "test"):
        assert read_index(builder, split) == read_index(plain, split)
        for record, other in zip(builder.as_data_source(split), plain.as_data_source(split), strict=True):
            assert set(other) == {"image", "clip", "frame"}
            assert {name: record[name] for name in other} == other
            assert {name: record[name].shape for name in faces.SHAPES} == faces.SHAPES
            value = np.float32(grey(decode_frame(record["image"])))
            if value == np.float32(darkest):
                without_face += 1
                value = np.float32(np.nan)
            for name in ("landmarks", "embedding"):
                np.testing.assert_array_equal(record[name], np.full(faces.SHAPES[name], value))
            np.testing.assert_array_equal(record["pose"], value + np.arange(3, dtype=np.float32))
    assert without_face >= 1
    assert metadata_of(builder)["columns"] == {"pose": ["yaw", "pitch", "roll"]}
    assert "columns" not in metadata_of(plain)


def test_datasets_with_labels_are_found_by_name(labelled):
    data_dir = labelled.parents[2]
    by_name = tfds.builder("voxceleb/vox1_64_labels", data_dir=str(data_dir))
    assert by_name.as_data_source("test")[3]["pose"].shape == (3,)
    dataset = open_dataset("voxceleb/vox1_64_labels", "test", data_dir=data_dir)
    (clip,) = dataset.clips
    expected = [grey(frame) + np.arange(3) for frame in dataset.frames(clip)]
    np.testing.assert_allclose(clip_pose(dataset, clip), expected, rtol=1e-5)


def test_metadata_and_ready_crops_have_them_too(labelled, tabled, source, tmp_path, build):
    build(tabled, tmp_path, "--workers", "1", "--labels")
    rows = tfds.builder_from_directory(str(tmp_path / "voxceleb" / "vox1_64_labels" / "1.0.0"))
    for record, other in zip(
        rows.as_data_source("test"), tfds.builder_from_directory(str(labelled)).as_data_source("test"), strict=True
    ):
        np.testing.assert_equal(record, other)
    build(source, tmp_path, "--workers", "1", "--labels")
    crops = tfds.builder_from_directory(str(tmp_path / "voxceleb" / "64_labels" / "1.0.0"))
    for record in crops.as_data_source("train"):
        np.testing.assert_allclose(record["pose"][0], grey(decode_frame(record["image"])), rtol=1e-5)


def test_interrupted_build_goes_on_and_labels_nothing_twice(built_once, official, seen, tmp_path, build, monkeypatch):
    labelled, shown = built_once
    del seen[:]
    jobs = []

    def interrupted(job):
        if len(jobs) == 4:
            raise KeyboardInterrupt
        jobs.append(job)
        perform(job)

    with monkeypatch.context() as patch:
        patch.setattr(work, "perform", interrupted)
        assert main(["voxceleb", *words_for(official, tmp_path), "--workers", "1", "--labels"]) == 130
    assert 0 < len(seen) < len(shown)
    folder = build(official, tmp_path, "--workers", "1", "--labels").parents[1] / "vox1_64_labels"
    assert contents(folder / "1.0.0") == contents(labelled)
    assert [path.name for path in folder.iterdir()] == ["1.0.0"]
    assert seen == shown


def test_beam_changes_no_byte(labelled, official, tmp_path, build, monkeypatch):
    def run_batches(jobs, folder, words):
        for file in on_beam.write_batches(jobs, folder):
            on_beam.perform_batch(file)

    monkeypatch.setattr(builder_module, "run_on_beam", run_batches)
    folder = build(official, tmp_path, "--labels", "--beam", "--runner=DirectRunner")
    assert contents(folder.parents[1] / "vox1_64_labels" / "1.0.0") == contents(labelled)


def test_clips_without_any_face_can_be_left_out(videos, tmp_path, build, monkeypatch):
    """Of two clips of a landscape one begins with what the detector takes for a face."""
    landscapes = []

    def read_face(frame):
        red, green, _ = frame[-20:].astype(int).mean((0, 1))
        if green > red + 40:
            landscapes.append(frame)
        seen = green <= red + 40 or len(landscapes) == 1
        return Face(*(np.zeros(shape, np.float32) for shape in faces.SHAPES.values())) if seen else None

    monkeypatch.setattr(faces, "MODULES", {})
    monkeypatch.setattr(faces, "read_face", read_face)
    write_track(tmp_path / "txt" / "id10001" / "-good_one-A" / "00001.txt", pixels_of_360(0, 20))
    for track in ("00001", "00002"):
        write_track(tmp_path / "txt" / "id10001" / "landscape_G" / f"{track}.txt", pixels_of_360(0, 20))
    words = ("--videos", str(videos), "--workers", "1", "--labels")
    names, left_out, needed = {}, {}, {}
    for option in ((), ("--need_face",)):
        del landscapes[:]
        folder = build(tmp_path, tmp_path / f"data{len(option)}", *words, *option).parents[1] / "vox1_64_labels"
        builder = tfds.builder_from_directory(str(folder / "1.0.0"))
        names[option] = sorted("#".join(clip.name.split("#")[1:3]) for clip in read_index(builder, "train"))
        metadata = metadata_of(builder)
        left_out[option] = {item["path"]: item["reason"] for item in metadata["left_out"]}
        needed[option] = metadata["need_face"]
    assert names[()] == ["-good_one-A#00001", "landscape_G#00001", "landscape_G#00002"] and not left_out[()]
    assert len(names["--need_face",]) == 2 and len(left_out["--need_face",]) == 1
    assert set(left_out["--need_face",].values()) == {"no face is found in any of its 20 frames"}
    assert needed == {(): False, ("--need_face",): True}


def test_the_need_of_a_face_is_part_of_the_work(source):
    task = Task("fred", "fred", "eval", "eval/fred.mp4", source / "eval" / "fred.mp4", 16, labels=True)
    assert dataclasses.replace(task, need_face=True).key() != task.key()


def test_needing_a_face_goes_with_labels(official, tmp_path, capsys):
    assert main(["voxceleb", *words_for(official, tmp_path), "--need_face"]) == 2
    assert capsys.readouterr().err == "build: --need_face goes with --labels: without them nobody looks for faces\n"
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_there_is_one_sentence(official, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(faces, "MODULES", {"no_such_module": "no-such-package"})
    assert main(["voxceleb", *words_for(official, tmp_path), "--labels"]) == 2
    assert capsys.readouterr().err.startswith("build: face labels need no-such-package, which is not installed")
    assert list(tmp_path.iterdir()) == []


def test_worker_without_the_extra_fails_and_leaves_no_clip_out(tmp_path, source, monkeypatch):
    monkeypatch.setattr(faces, "MODULES", {"no_such_module": "no-such-package"})
    task = Task("fred", "fred", "eval", "eval/fred.mp4", source / "eval" / "fred.mp4", 16, labels=True)
    with pytest.raises(RuntimeError, match=r"eval/fred\.mp4: InputError: face labels need no-such-package"):
        perform((task, str(tmp_path / "fred")))
    assert list(tmp_path.iterdir()) == []
    perform((dataclasses.replace(task, labels=False), str(tmp_path / "fred")))
    assert [path.name for path in tmp_path.iterdir()] == ["fred.clip"]
