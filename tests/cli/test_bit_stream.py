"""`thf motion pack` and `unpack`, as a call would use them, and the free view on the command line."""

import numpy as np
import pytest
from PIL import Image

from tests.inference.samples import pictures, read_pictures, tiny_head_animator
from thf_jax.inference.animate import animate
from thf_jax.inference.crop import look
from thf_jax.inference.driving import open_driving, read_source
from thf_jax.inference.motion_files import read_motion, write_motion
from thf_jax.inference.video import to_uint8
from thf_jax.interop.model_directory import load_model, save_model


@pytest.fixture(scope="session")
def heads(tmp_path_factory):
    """A small model whose motion is a head's."""
    return save_model(tmp_path_factory.mktemp("models") / "heads", tiny_head_animator(), "A card.")


@pytest.fixture
def motion(heads, tmp_path):
    animator = load_model(heads)
    path = tmp_path / "nod.motion"
    motions = [animator.motion(frame) for frame in pictures(6, seed=3)]
    write_motion(path, motions, system="face_vid2vid", rate=25.0, size=32, model="heads")
    return path


def test_a_motion_file_goes_through_bits(thf, motion, tmp_path):
    bits, again = tmp_path / "nod.bits", tmp_path / "again.motion"
    outcome = thf("motion", "pack", motion, bits)
    assert (outcome.status, outcome.err) == (0, "")
    assert "bits a frame" in outcome.out and "kbit/s at 25 Hz" in outcome.out
    assert thf("motion", "unpack", bits, again).status == 0
    before, after = read_motion(motion), read_motion(again)
    assert (after.system, after.model, after.rate, after.size) == (before.system, "heads", before.rate, 32)
    assert np.abs(before.motion.expression - after.motion.expression).max() <= 1 / 512 + 1e-6
    finer = tmp_path / "finer.bits"
    assert thf("motion", "pack", motion, finer, "--angle-step", "0.1", "--position-step", "0.0005").status == 0
    assert finer.stat().st_size > bits.stat().st_size
    assert "6 x 3 x 3" in thf("motion", "show", again).out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pack", "nod.motion", "nod.bit"], "nod.bit would be a file of an unknown kind"),
        (["pack", "nod.motion", "nod.bits", "--angle-step", "0"], "the angle step is above 0, not 0.0"),
        (["unpack", "nod.motion", "again.motion"], "is no bit stream of motion"),
        (["unpack", "missing.bits", "again.motion"], "cannot read the bit stream"),
    ],
)
def test_wrong_input_gets_one_sentence(thf, motion, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    outcome = thf("motion", *words)
    assert outcome.status == 2 and sentence in outcome.err and outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--yaw", "0", "--pitch", "0", "--roll", "0"], {"yaw": 0.0, "pitch": 0.0, "roll": 0.0}),
        (["--yaw-offset", "-20", "--lock", "pitch", "roll"], {"yaw_offset": -20.0, "lock": ["pitch", "roll"]}),
        (["--drive", "expression", "--absolute"], {"drive": "expression", "relative": False}),
    ],
)
def test_the_free_view_is_that_of_the_loop(thf, heads, photo, motion, tmp_path, words, options):
    outcome = thf("animate", photo, motion, "-o", tmp_path / "out", "--model", heads, *words)
    assert (outcome.status, outcome.err) == (0, "")
    animator = load_model(heads)
    source = look(read_source(photo), 32, crop=True)
    expected = animate(animator, source, open_driving(motion).frames(), **options)
    images = np.stack([to_uint8(np.asarray(rendering.image)) for rendering in expected])
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), images)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--lock", "yaw", "--yaw", "3"], "yaw is both locked and set to 3"),
        (["--lock", "yawn"], "--lock cannot be 'yawn'; the nearest is 'yaw'"),
        (["--drive", "lips"], "--drive cannot be 'lips'"),
        (["--yaw", "999"], "yaw is an angle in degrees from -360 to 360, not 999.0"),
        (["--detail"], "--detail needs a model that warps pictures"),
    ],
)
def test_what_the_view_cannot_be(thf, heads, motion, tmp_path, words, sentence):
    photo = tmp_path / "large.png"
    Image.fromarray(pictures(1, height=64, width=64)[0]).save(photo)
    outcome = thf("animate", photo, motion, "-o", tmp_path / "out", "--model", heads, *words)
    assert outcome.status == 2 and sentence in outcome.err and outcome.err.count("\n") == 1


def test_a_model_without_heads_says_who_has_them(thf, model, photo, clip, tmp_path):
    outcome = thf("animate", photo, clip, "-o", tmp_path / "out", "--model", model, "--yaw", "0")
    assert outcome.status == 2 and "the option yaw is for models of face_vid2vid" in outcome.err
