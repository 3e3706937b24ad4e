"""The contact sheet and the statistics."""

import numpy as np
from PIL import Image

from data_pipelines import look
from data_pipelines.datasets import open_dataset
from data_pipelines.look import main
from data_pipelines.records import decode_frame


def test_the_sheet_shows_first_middle_and_last_frames(built, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert main([str(built), "--split", "train", "--output", str(sheet), "--side", "64"]) == 0
    with Image.open(sheet) as image:
        pixels = np.array(image)
    dataset = open_dataset(built, "train")
    assert pixels.shape == (4 + 4 * 68, 4 + 3 * 68 + 320, 3)
    for row, clip in enumerate(dataset.clips):
        for column, number in enumerate((0, (clip.length - 1) // 2, clip.length - 1)):
            top, left = 4 + 68 * row, 4 + 68 * column
            shown = pixels[top : top + 64, left : left + 64]
            np.testing.assert_array_equal(shown, decode_frame(dataset.records[clip.start + number]["image"]))
        text = pixels[4 + 68 * row : 4 + 68 * row + 40, 4 + 3 * 68 + 4 :]
        assert (text.min(axis=2) < 100).sum() > 100  # something is written


def test_statistics(tmp_path, save_frames, capsys):
    # All of one colour: (51, 102, 204) and (153, 102, 204).
    for name, red, count in (("train/a_1", 51, 3), ("train/a_2", 153, 6), ("train/b", 51, 4), ("eval/c", 51, 2)):
        save_frames(tmp_path / name, list(np.full((count, 32, 32, 3), (red, 102, 204), np.uint8)))
    assert main([str(tmp_path), "--output", str(tmp_path / "sheet.jpg")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "eval: 1 clips of 1 identities, 2 frames of 32 x 32",
        "  frames in a clip       2 to 2, median 2",
        "  clips of an identity   1 to 1, median 1",
        "  frames a second        unknown",
        "  mean red, green, blue  0.200, 0.400, 0.800",
        "  brightness of a clip   0.386 to 0.386, median 0.386",
        "train: 3 clips of 2 identities, 13 frames of 32 x 32",
        "  frames in a clip       3 to 6, median 4",
        "  clips of an identity   1 to 2, median 2",
        "  frames a second        unknown",
        "  mean red, green, blue  0.333, 0.400, 0.800",
        "  brightness of a clip   0.386 to 0.505, median 0.386",
        f"4 clips on {tmp_path / 'sheet.jpg'}",
    ]
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.height == 4 + 4 * 100
    assert not list(tmp_path.glob(".*"))


def test_clips_are_spread_over_the_split(tmp_path, monkeypatch, capsys):
    rows = []
    monkeypatch.setattr(look, "_save", lambda *_: None)
    monkeypatch.setattr(look, "contact_sheet", lambda shown, **_: rows.extend(shown))
    words = ["moving_heads", "--size", "8", "--split", "train", "--clips", "4", "--output", str(tmp_path / "s.png")]
    assert main(words) == 0
    names = [clip.name for clip in open_dataset("moving_heads", "train", size=8).clips]
    assert [row.text.partition("\n")[0] for row in rows] == [names[place] for place in (0, 5, 10, 15)]
    assert "train: 16 clips of 8 identities" in capsys.readouterr().out


def test_wrong_input_leaves_nothing(built, source, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    wrong = {
        "--output": [built],
        "ends in .png or .jpg": [built, "--output", tmp_path / "sheet.gif"],
        "in a folder that is there": [built, "--output", tmp_path / "none" / "sheet.png"],
        "no split 'test'": [built, "--output", sheet, "--split", "test"],
        "there is no folder": [tmp_path / "none", "--output", sheet],
        "neither a built dataset nor": [tmp_path, "--output", sheet],
        "cannot be read as a video": [source, "--output", sheet, "--split", "train"],
        "--clips is 0": [built, "--output", sheet, "--clips", "0"],
    }
    for message, words in wrong.items():
        assert main([str(word) for word in words]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith("look: ") and message in errors and errors.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_sheet_that_fails_leaves_the_old_one(built, tmp_path, monkeypatch):
    (tmp_path / "sheet.png").write_text("old")

    def fail(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert main([str(built), "--output", str(tmp_path / "sheet.png")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    assert (tmp_path / "sheet.png").read_text() == "old"
