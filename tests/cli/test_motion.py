"""`thf motion`: extracting, showing, and animating from the file."""

import shutil
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from tests.inference.samples import SIZE, pictures, read_pictures
from thf_jax.inference.crop import look
from thf_jax.inference.driving import open_driving
from thf_jax.inference.motion_files import read_motion
from thf_jax.interop.model_directory import load_model


@pytest.fixture
def extracted(thf, model, clip, tmp_path):
    path = tmp_path / "clip.motion"
    outcome = thf("motion", "extract", clip, path, "--model", model)
    assert (outcome.status, outcome.err) == (0, "")
    assert str(path) in outcome.out and "12 frames in" in outcome.out
    return path


def test_every_frames_motion_is_in_the_file(extracted, model, clip):
    file, animator = read_motion(extracted), load_model(model)
    assert (file.system, file.model, file.rate, file.size) == ("fomm", "tiny", Fraction(30000, 1001), SIZE)
    for motion, frame in zip(file, open_driving(clip).frames(), strict=True):
        expected = animator.motion(look(frame, SIZE, crop=True))
        np.testing.assert_array_equal(motion.position, expected.position)
        np.testing.assert_array_equal(motion.jacobian, expected.jacobian)


@pytest.mark.parametrize("options", [[], ["--absolute"], ["--adapt-scale"], ["--best-frame"], ["--smooth", "3"]])
def test_animating_from_the_file_equals_animating_from_the_clip(thf, model, photo, clip, extracted, tmp_path, options):
    for driving, name in [(clip, "a"), (extracted, "b")]:
        outcome = thf("animate", photo, driving, "-o", tmp_path / name, "--model", model, *options)
        assert (outcome.status, outcome.err) == (0, "")
    np.testing.assert_array_equal(read_pictures(tmp_path / "a"), read_pictures(tmp_path / "b"))


def test_without_driving_pictures_compare_shows_portrait_and_result(thf, model, photo, extracted, tmp_path):
    assert thf("animate", photo, extracted, "-o", tmp_path / "out", "--model", model, "--compare").status == 0
    assert read_pictures(tmp_path / "out").shape == (12, SIZE, 2 * SIZE, 3)


def test_another_models_motion_is_animated_with_a_note(thf, photo, extracted, model, tmp_path):
    renamed = tmp_path / "copy"
    shutil.copytree(model, renamed)
    outcome = thf("animate", photo, extracted, "-o", tmp_path / "out.mp4", "--model", renamed)
    assert outcome.status == 0
    assert outcome.err == "note: the motion was extracted with the model tiny; copy may read it otherwise\n"


def test_show_prints_what_the_file_holds(thf, extracted):
    outcome = thf("motion", "show", extracted)
    assert outcome.status == 0
    for text in ["fomm", "tiny", "12 at 29.97 frames/s: 0.40 s", "32 x 32 px", "12 x 4 x 2,", "12 x 4 x 2 x 2,"]:
        assert text in outcome.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["extract", "{clip}", "{out}/nod.npz"], "of an unknown kind; choose one of .motion"),
        (["extract", "{clip}", "{out}/no/nod.motion"], "there is no folder"),
        (["extract", "{out}/no.mp4", "{out}/nod.motion"], "there is no clip"),
        (["extract", "{motion}", "{out}/nod.motion"], "is a motion file already"),
        (["show", "{out}/no.motion"], "there is no motion file"),
        (["show", "{clip}"], "is not a motion file"),
        (["shwo", "{clip}"], "ACTION cannot be 'shwo'; the nearest is 'show'"),
        (["extract", "{clip}"], "the following arguments are required: OUT.motion"),
    ],
)
def test_wrong_input_gives_one_sentence_and_status_2(thf, model, clip, extracted, tmp_path, words, sentence):
    out = tmp_path / "out"
    out.mkdir()
    words = [word.format(clip=clip, out=out, motion=extracted) for word in words]
    outcome = thf("motion", *words, *(["--model", model] if words[0] == "extract" else []))
    assert outcome.status == 2 and sentence in outcome.err and outcome.err.count("\n") == 1
    assert list(out.iterdir()) == []


def test_a_folder_that_breaks_off_leaves_nothing_behind(thf, model, tmp_path):
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(pictures(2)):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{index}.png")
    (tmp_path / "frames" / "2.png").write_text("hello")
    assert thf("motion", "extract", tmp_path / "frames", tmp_path / "a.motion", "--model", model).status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]
