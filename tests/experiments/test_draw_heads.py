"""Clips of drawn heads as files."""

import csv

import numpy as np
import pytest

from data_pipelines.clips import list_clips, open_clip
from data_pipelines.moving_heads import EXPRESSION, clip_frames, clip_labels
from data_pipelines.moving_heads.clips import FIRST_CLIP
from experiments import draw_heads
from thf_jax.inference.sound import read_sound

SIZE, FRAMES = 32, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("drawn") / "clips"
    words = ["--split", "eval", "--clips", "2", "--first", "4", "--size", SIZE, "--frames", FRAMES, "--output", output]
    assert draw_heads.main([str(word) for word in words]) == 0
    return output


def test_the_clips_are_those_of_the_split(folder):
    assert [path.name for path in list_clips(folder / "eval")] == ["head0004.mp4", "head0005.mp4"]
    frames = np.stack(list(open_clip(folder / "eval" / "head0005.mp4").frames()))
    drawn = clip_frames(0, FIRST_CLIP["eval"] + 5, size=SIZE, length=FRAMES)
    assert frames.shape == drawn.shape
    assert np.abs(frames.astype(int) - drawn).mean() < 8


def test_the_voice_follows_the_mouth(folder):
    mouth = clip_labels(0, FIRST_CLIP["eval"] + 4, length=FRAMES).expression[:, EXPRESSION.index("mouth")]
    rate = draw_heads.SAMPLING
    for name in ("head0004.mp4", "head0004.wav"):
        sound = read_sound(folder / "eval" / name, rate)[: int(FRAMES * rate / draw_heads.RATE)]
        loud = np.sqrt((sound.reshape(FRAMES, -1) ** 2).mean(1))
        assert np.corrcoef(loud, mouth)[0, 1] > 0.9


def test_the_table_drives_as_a_pose_track(folder):
    with (folder / "eval" / "head0004.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["roll", "pitch", "yaw"]
    pose = clip_labels(0, FIRST_CLIP["eval"] + 4, length=FRAMES).pose[:, [2, 1, 0]]
    np.testing.assert_allclose(np.array(rows, float), pose, atol=0.005001)


def test_wrong_input_is_one_sentence(folder, tmp_path, capsys):
    assert draw_heads.main(["--output", str(tmp_path / "clips"), "--frames", "0"]) == 2
    assert "--frames is 0: give 1 or more" in capsys.readouterr().err
    assert draw_heads.main(["--output", str(folder)]) == 2
    assert "must be new or empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
