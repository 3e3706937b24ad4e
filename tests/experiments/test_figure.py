"""Clips one below the other."""

import numpy as np
import pytest
from PIL import Image

from experiments import figure
from tests.inference.samples import SIZE, pictures, write_clip
from thf_jax.inference.crop import look

SIDE = 16


@pytest.fixture(scope="module")
def frames():
    return pictures(5, seed=3)


@pytest.fixture(scope="module")
def files(frames, tmp_path_factory):
    """A clip, a shorter one, and a picture, all without loss."""
    folder = tmp_path_factory.mktemp("rows")
    for name, count in (("long", 5), ("short", 3)):
        (folder / name).mkdir()
        for number in range(count):
            Image.fromarray(frames[number]).save(folder / name / f"{number}.png")
    Image.fromarray(frames[4]).save(folder / "portrait.png")
    return folder


def cells(path, rows, columns):
    """The pictures of a sheet, [rows columns side side 3]; the names stand on their left."""
    with Image.open(path) as image:
        sheet = np.asarray(image)[:, -columns * SIDE :]
    assert sheet.shape == (rows * SIDE, columns * SIDE, 3)
    return sheet.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2)


def test_rows_show_the_same_moments(frames, files, tmp_path, capsys):
    output = tmp_path / "figure.png"
    rows = [f"--row={name}={files / name}" for name in ("long", "short", "portrait.png")]
    assert figure.main([*rows, "--columns", "2", "--side", str(SIDE), "--output", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    seen = np.stack([look(frame, SIDE, crop=True) for frame in frames])
    expected = np.stack([seen[[0, 2]], seen[[0, 2]], seen[[4, 4]]])
    np.testing.assert_array_equal(cells(output, 3, 2), expected)
    words = [rows[0], "--moments", "4", "1", "--side", str(SIDE), "--output", str(output)]
    assert figure.main(words) == 0
    np.testing.assert_array_equal(cells(output, 1, 2), seen[[4, 1]][None])


def test_videos_are_read(frames, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", count=5, height=SIZE, width=SIZE, seed=3)
    assert (
        figure.main([f"--row={clip}", "--columns", "5", "--side", str(SIDE), "--output", str(tmp_path / "f.jpg")]) == 0
    )
    seen = np.stack([look(frame, SIDE, crop=True) for frame in frames])
    shown = cells(tmp_path / "f.jpg", 1, 5)[0].astype(int)
    off = np.abs(shown[:, None] - seen).mean((2, 3, 4))
    np.testing.assert_array_equal(off.argmin(1), range(5))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--columns", "6"], "--columns is 6, and the shortest clip has 5 frames"),
        (["--moments", "0", "5"], "--moments are frames 0 to 4 of the shortest clip, not [0, 5]"),
        (["--moments", "-1"], "--moments are frames 0 to 4 of the shortest clip, not [-1]"),
        (["--columns", "0"], "--columns is 0: give 1 or more"),
        (["--row=nothing.mp4"], "there is no clip nothing.mp4"),
    ],
)
def test_wrong_input_is_one_sentence(files, tmp_path, capsys, words, sentence):
    output = tmp_path / "figure.png"
    assert figure.main([f"--row={files / 'long'}", "--output", str(output), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_pictures_alone_fill_the_columns_that_are_asked_for(frames, files, tmp_path):
    output = tmp_path / "figure.png"
    words = [f"--row={files / 'portrait.png'}", "--columns", "3", "--side", str(SIDE), "--output", str(output)]
    assert figure.main(words) == 0
    np.testing.assert_array_equal(cells(output, 1, 3)[0], look(frames[4], SIDE, crop=True)[None].repeat(3, 0))


def test_a_folder_called_like_a_picture_is_a_clip(frames, files, tmp_path):
    (tmp_path / "clip.png").symlink_to(files / "short")
    output = tmp_path / "figure.png"
    words = [f"--row={tmp_path / 'clip.png'}", "--moments", "2", "--side", str(SIDE), "--output", str(output)]
    assert figure.main(words) == 0
    np.testing.assert_array_equal(cells(output, 1, 1)[0, 0], look(frames[2], SIDE, crop=True))


def test_a_failure_leaves_nothing_behind(files, tmp_path, monkeypatch, capsys):
    def failing(self, path, **options):
        path.write_text("half")
        raise OSError("the disk is full")

    monkeypatch.setattr(Image.Image, "save", failing)
    assert figure.main([f"--row={files / 'long'}", "--columns", "2", "--output", str(tmp_path / "figure.png")]) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
