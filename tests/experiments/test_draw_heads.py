"""Clips of drawn heads as files."""

import numpy as np
import pytest

from data_pipelines.clips import list_clips, open_clip
from data_pipelines.moving_heads import EXPRESSION, POSE, clip_frames, clip_labels
from data_pipelines.moving_heads.clips import FIRST_CLIP
from data_pipelines.sources import identity_of
from experiments import draw_heads
from thf_jax.inference import tracks
from thf_jax.inference.sound import read_sound

SIZE, FRAMES = 32, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("drawn") / "clips"
    words = ["--split", "eval", "--clips", "2", "--first", "4", "--size", SIZE, "--frames", FRAMES, "--output", output]
    assert draw_heads.main([str(word) for word in words]) == 0
    return output


def test_the_clips_are_those_of_the_split(folder):
    assert [path.name for path in list_clips(folder / "eval")] == ["eval0002_0.mp4", "eval0002_1.mp4"]
    frames = np.stack(list(open_clip(folder / "eval" / "eval0002_1.mp4").frames()))
    drawn = clip_frames(0, FIRST_CLIP["eval"] + 5, size=SIZE, length=FRAMES)
    assert frames.shape == drawn.shape
    assert np.abs(frames.astype(int) - drawn).mean() < 8


def test_the_voice_follows_the_mouth(folder):
    mouth = clip_labels(0, FIRST_CLIP["eval"] + 4, length=FRAMES).expression[:, EXPRESSION.index("mouth")]
    rate = draw_heads.SAMPLING
    for name in ("eval0002_0.mp4", "eval0002_0.wav"):
        sound = read_sound(folder / "eval" / name, rate)[: int(FRAMES * rate / draw_heads.RATE)]
        loud = np.sqrt((sound.reshape(FRAMES, -1) ** 2).mean(1))
        assert np.corrcoef(loud, mouth)[0, 1] > 0.9


def test_the_table_is_a_pose_track(folder):
    pose = clip_labels(0, FIRST_CLIP["eval"] + 4, length=FRAMES).pose
    expected = pose[:, [POSE.index(column) for column in tracks.COLUMNS]]
    found = np.rad2deg(tracks._read_poses(folder / "eval" / "eval0002_0.csv"))
    np.testing.assert_allclose(found, expected, atol=0.005001)


def test_names_tell_who_is_seen(tmp_path):
    words = ["--split", "train", "eval", "--clips", "3", "--size", "8", "--frames", "1", "--output", tmp_path / "clips"]
    assert draw_heads.main([str(word) for word in words]) == 0
    people = {
        split: [identity_of(path) for path in list_clips(tmp_path / "clips" / split)] for split in ("train", "eval")
    }
    assert people["train"][0] == people["train"][1] != people["train"][2]
    assert not set(people["train"]) & set(people["eval"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--output", "clips", "--frames", "0"], "--frames is 0: give 1 or more"),
        (["--output", "full"], "must be new or empty"),
        (["--output", "clips.v2"], "clips.v2 looks like the name of a file: give that of a folder, without a dot"),
    ],
)
def test_wrong_input_is_one_sentence(tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    assert draw_heads.main(words) == 2
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    def failing(*arguments, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr(draw_heads, "write_video", failing)
    assert draw_heads.main(["--output", str(tmp_path / "clips"), "--size", "8", "--frames", "2"]) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
