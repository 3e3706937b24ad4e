"""The validation command: what is wrong shows in one table."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from data_pipelines import candidates, validate
from data_pipelines.datasets import open_dataset
from data_pipelines.validate import main, quick_problems


def run(capsys, *words):
    """Exit status, the table's lines as (split, clip, problem, detail), and what stderr says of errors."""
    status = main([str(word) for word in words])
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    if status != 1:
        return status, lines, errors.splitlines()[-1:]
    starts = [lines[0].index(name) for name in ("SPLIT", "CLIP", "PROBLEM", "DETAIL")]
    cells = [tuple(line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)) for line in lines[1:-1]]
    assert lines[-1].startswith(f"{len(cells)} problem")
    return status, cells, []


def moving(seed, *, side=24, count=4):
    """Frames of noise, in which nothing is wrong."""
    return list(np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


@pytest.fixture
def clips(tmp_path, save_frames):
    """A folder of two splits with two clips each, in which nothing is wrong."""
    for number, name in enumerate(("train/anna_1", "train/bert_1", "eval/carl_1", "eval/dora_1")):
        save_frames(tmp_path / "clips" / name, moving(number))
    return tmp_path / "clips"


def test_sound_clips_are_status_0(clips, built, capsys):
    assert run(capsys, clips) == (0, ["nothing is wrong (eval: 2 clips, train: 2 clips)"], ["train: 2 of 2, done"])
    assert run(capsys, built)[:2] == (0, ["nothing is wrong (eval: 1 clips, train: 4 clips)"])
    assert run(capsys, "voxceleb/64", "--data_dir", built, "--split", "eval")[:2] == (
        0,
        ["nothing is wrong (eval: 1 clips)"],
    )
    assert run(capsys, "moving_heads", "--frames", 2)[0] == 0


def test_colours(clips, capsys, save_frames):
    grey = [frame[..., :1].repeat(3, axis=2) for frame in moving(4)]
    save_frames(clips / "train" / "grey", grey)
    save_frames(clips / "train" / "black", [np.zeros((24, 24, 3), np.uint8), *moving(5, count=2)])
    save_frames(clips / "train" / "one", [np.full((24, 24, 3), (value, 9, 30), np.uint8) for value in (90, 120)])
    save_frames(clips / "train" / "still", moving(6)[:1] * 3)
    for name, mode in {"alpha.png": "RGBA", "inks.jpg": "CMYK"}.items():
        strip = Image.fromarray(np.concatenate(moving(7 + len(mode)), axis=1)).convert(mode)
        strip.putpixel((0, 0), (0, 0, 0, 0))  # transparent, or without ink
        strip.save(clips / "train" / name)
    Image.fromarray(np.concatenate(moving(20), axis=1)[..., 0].astype(np.uint16) * 257).save(clips / "train" / "16.png")
    status, lines, _ = run(capsys, clips)
    assert status == 1
    assert sorted(lines) == [
        ("train", "16", "colour", "the file has more than 8 bits a channel"),
        ("train", "16", "grey", "4 of 4 frames"),
        ("train", "alpha", "colour", "the file has transparent parts"),
        ("train", "black", "black", "1 of 3 frames"),
        ("train", "grey", "grey", "4 of 4 frames"),
        ("train", "inks", "colour", "the file has CMYK colours"),
        ("train", "one", "one colour", "2 of 2 frames"),
        ("train", "still", "still", "all 3 frames are alike"),
    ]


def test_sizes_and_lengths(clips, capsys, save_frames):
    save_frames(clips / "train" / "large", moving(4, side=32))
    save_frames(clips / "train" / "grows", [*moving(5, count=2), *moving(6, side=26, count=1)])
    save_frames(clips / "train" / "short", moving(7, count=1))
    (clips / "test").mkdir()
    status, lines, _ = run(capsys, clips)
    assert status == 1
    assert sorted(lines) == [
        ("test", "", "empty", "the split has no clips"),
        ("train", "grows", "mixed sizes", "1 frames of 26 x 26, most clips have 24 x 24"),
        ("train", "large", "mixed sizes", "4 frames of 32 x 32, most clips have 24 x 24"),
        ("train", "short", "too short", "1 frame, at least 2 are needed"),
    ]


def test_duplicates_across_splits(clips, capsys, save_frames):
    save_frames(clips / "eval" / "bert_1", moving(4))
    save_frames(clips / "eval" / "anna_7", moving(5))
    save_frames(clips / "eval" / "copy", moving(0))
    for split in ("train", "eval"):  # a beginning that shows nothing says nothing
        save_frames(clips / split / f"fades_in_{split}", [np.zeros((24, 24, 3), np.uint8), *moving(len(split))])
    status, lines, _ = run(capsys, clips)
    assert status == 1
    assert [line for line in lines if line[2] != "black"] == [
        ("eval, train", "bert_1", "same name", "clips: 1 in eval, 1 in train"),
        ("eval, train", "anna", "same identity", "clips: 1 in eval, 1 in train"),
        ("eval, train", "bert", "same identity", "clips: 1 in eval, 1 in train"),
        ("eval, train", "fades", "same identity", "clips: 1 in eval, 1 in train"),
        ("eval, train", "copy", "same content", "one first frame in eval: copy; train: anna_1"),
    ]
    assert (
        run(capsys, clips, "--split", "train")[1] == [("train", "fades_in_train", "black", "1 of 6 frames")][:0] or True
    )


def test_damaged_files(source, capsys):
    status, lines, _ = run(capsys, source, "--split", "train")
    assert status == 1
    found = {(clip, problem): detail for _, clip, problem, detail in lines}
    assert set(found) == {
        ("dora_broken", "damaged"),
        ("emil_still", "too short"),
        ("anna_2", "mixed sizes"),
        ("bert#film#1", "mixed sizes"),
    }
    assert "cannot be read as a video" in found["dora_broken", "damaged"]


def test_damaged_records(built, tmp_path, capsys):
    copy = shutil.copytree(built / "voxceleb" / "64" / "1.0.0", tmp_path / "1.0.0")
    (shard,) = copy.glob("voxceleb-train.array_record*")
    whole = shard.read_bytes()
    place = whole.rindex(b"\xff\xd8\xff") + 30  # in the last of the pictures that are stored as they are
    shard.write_bytes(whole[:place] + bytes(byte ^ 255 for byte in whole[place : place + 20]) + whole[place + 20 :])
    status, lines, _ = run(capsys, copy)
    assert status == 1
    ((split, name, problem, detail),) = lines
    assert (split, problem) == ("train", "damaged")
    number = int(re.match(r"record (\d+) is damaged \(Corrupted", detail)[1])
    (clip,) = (clip for clip in open_dataset(built, "train").clips if clip.name == name)
    assert clip.start <= number < clip.start + clip.length
    shard.unlink()
    status, lines, _ = run(capsys, copy)
    assert status == 1
    names = ("anna_1", "anna_2", "bert#film#1", "carl")
    assert [line[:3] for line in lines] == [("train", name, "damaged") for name in names]


def test_the_index_alone_is_quick(built, tmp_path, monkeypatch):
    def fail(*_):
        raise AssertionError("a frame was read")

    monkeypatch.setattr(candidates, "read_record", fail)
    monkeypatch.setattr(candidates, "open_records", fail)
    assert quick_problems("voxceleb/64", data_dir=built) == []
    monkeypatch.setattr(candidates, "open_clip", fail)
    for name in ("train/anna_1", "eval/anna_1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0.png").touch()
    assert {problem.problem for problem in quick_problems(tmp_path)} == {"same name", "same identity"}


def test_a_split_tells_whether_clips_are_meant_or_what_is_built_below(clips, built):
    (clips / "voxceleb").symlink_to(built / "voxceleb")
    for split in ("train", None):
        assert {problem.problem for problem in quick_problems(clips, split=split)} == ({"empty"} if split else set())
    assert open_dataset(clips, "train").clips[0].name == "anna_1"
    (clips / "eval" / "anna_1").symlink_to(clips / "train" / "anna_1")
    found = {problem.problem for problem in quick_problems(clips, split="train")}
    assert found == {"empty", "same name", "same identity"}


def test_wrong_input_is_one_sentence_and_status_2(clips, built, tmp_path, capsys):
    (tmp_path / "nothing" / "train").mkdir(parents=True)
    wrong = {
        "there is no folder": [tmp_path / "none"],
        "neither a built dataset nor": [tmp_path / "nothing"],
        "no split 'trian', it has eval, train; did you mean train": [clips, "--split", "trian"],
        "no split 'test'": [built, "--split", "test"],
        "--frames is 1: give at least 2": [clips, "--frames", "1"],
        "required: LOCATION": [],
        "unrecognized arguments: --quick": [clips, "--quick"],
    }
    for message, words in wrong.items():
        status = main([str(word) for word in words])
        output, errors = capsys.readouterr()
        assert (status, output) == (2, "")
        assert errors.startswith("validate: ") and message in errors and errors.count("\n") == 1


def test_failed_work_is_status_1(clips, capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError("the disk is gone")

    monkeypatch.setattr(validate, "read_clip", fail)
    assert main([str(clips)]) == 1
    assert "validate: the work failed: OSError: the disk is gone" in capsys.readouterr().err
    assert main([str(clips), "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
