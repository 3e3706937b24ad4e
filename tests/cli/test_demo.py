"""`thf demo` and `thf models` with small assets in the place of the shipped ones."""

import itertools

import jax
import numpy as np
import pytest

from tests.inference.samples import read_picture, tiny_animator, video_properties
from thf_jax.inference import assets

SIDE = 48
"""The portrait's central square: larger than the model's pictures, so that its detail is carried over."""


def test_the_demo_writes_a_video_and_a_picture_and_says_where(thf, shipped):
    outcome = thf("demo")
    assert (outcome.status, outcome.err) == (0, "")
    assert sorted(path.name for path in shipped.iterdir()) == ["demo.mp4", "demo.png"]
    assert video_properties(shipped / "demo.mp4") == (25, 9, (SIDE, SIDE))
    assert read_picture(shipped / "demo.png").shape == (SIDE, 5 * SIDE, 3)
    for text in [str(shipped / "demo.mp4"), str(shipped / "demo.png"), "frames/s", "done in"]:
        assert text in outcome.out


def test_the_picture_shows_portrait_and_video(thf, shipped):
    assert thf("demo", "--output", shipped / "mine.mov").status == 0
    panels = np.split(read_picture(shipped / "mine.demo.png"), 5, axis=1)
    portrait = read_picture(assets.portrait_path())[:, 8:56]
    np.testing.assert_array_equal(panels[0], portrait)
    assert all(np.abs(a.astype(int) - b).max() > 5 for a, b in itertools.pairwise(panels))


def test_a_picture_of_the_videos_name_is_left_alone(thf, shipped):
    (shipped / "portrait.png").write_bytes(b"mine")
    outcome = thf("demo", "-o", "portrait.mp4")
    assert outcome.status == 0 and str(shipped / "portrait.demo.png") in outcome.out
    assert sorted(path.name for path in shipped.iterdir()) == ["portrait.demo.png", "portrait.mp4", "portrait.png"]
    assert (shipped / "portrait.png").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["out.txt", "no/out.mp4", "frames"])
def test_an_unwritable_output_is_refused(thf, shipped, name):
    outcome = thf("demo", "--output", shipped / name)
    assert outcome.status == 2 and outcome.err.count("\n") == 1
    assert list(shipped.iterdir()) == []


def test_models_are_listed_with_their_parameters(thf, shipped):
    outcome = thf("models")
    assert outcome.status == 0
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("tiny")]
    count = sum(np.size(leaf) for leaf in jax.tree.leaves(tiny_animator().variables["params"]))
    assert line.split()[1:6] == ["fomm", "32", "px", f"{count / 1e6:.2f}", "M"]
    assert str(outcome.err) == ""


def test_a_package_without_models_says_so(thf, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    assert "none" in thf("models").out
    outcome = thf("demo", "-o", tmp_path / "demo.mp4")
    assert outcome.status == 2 and "this copy of thf_jax carries no motion" in outcome.err
