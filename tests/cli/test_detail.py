"""`thf animate --detail`, alone and with the other views: the result is as large as the portrait."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from tests.inference.samples import SIZE, pictures, read_pictures, tiny_animator, write_clip
from thf_jax.inference.animate import animate
from thf_jax.inference.crop import centred_square, look, paste
from thf_jax.inference.detail import with_source_detail
from thf_jax.inference.driving import open_driving, read_source
from thf_jax.inference.film import detail_of
from thf_jax.inference.motion_files import write_motion
from thf_jax.inference.video import to_uint8
from thf_jax.interop.model_directory import load_model

COUNT = 3


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("short") / "short.mp4", count=COUNT)


@pytest.fixture
def detailed(thf, model, photo, short, tmp_path):
    """The pictures of `thf animate --detail` with these further words."""

    def run(*words, source=photo, driving=short):
        outcome = thf("animate", source, driving, "-o", tmp_path / "out", "--model", model, "--detail", *words)
        assert outcome.status == 0, outcome.err
        return read_pictures(tmp_path / "out")

    return run


def expected(model, photo, short, *, crop, side):
    """Each rendering of the plain loop with the detail of the portrait's region, enlarged to `side` pixels."""
    source = read_source(photo)
    large = look(source, side, crop=crop) / np.float32(255)
    frames = [look(frame, SIZE, crop=crop) for frame in open_driving(short).frames()]
    moving = animate(load_model(model), look(source, SIZE, crop=crop), frames)
    images = [with_source_detail(rendering, jnp.asarray(large), align_corners=True) for rendering in moving]
    return to_uint8(np.stack([np.asarray(image) for image in images]))


def assert_close(found, wanted):
    """Equal, but for what rounding to bytes makes of another order of summation."""
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize(("word", "side"), [("--crop", 48), ("--no-crop", 64)])
def test_the_result_is_as_large_as_the_region_of_the_portrait(detailed, model, photo, short, word, side):
    wanted = expected(model, photo, short, crop=word == "--crop", side=side)
    assert wanted.shape == (COUNT, side, side, 3)
    assert_close(detailed(word), wanted)


def test_compare_shows_large_panels(detailed, model, photo, short):
    panels = np.split(detailed("--compare"), 3, axis=2)
    np.testing.assert_array_equal(panels[0], [look(read_source(photo), 48, crop=True)] * COUNT)
    driving = [Image.fromarray(look(frame, SIZE, crop=True)) for frame in open_driving(short).frames()]
    np.testing.assert_array_equal(
        panels[1], [np.asarray(frame.resize((48, 48), Image.Resampling.BILINEAR)) for frame in driving]
    )
    assert_close(panels[2], expected(model, photo, short, crop=True, side=48))


def test_compare_has_no_driving_panel_where_a_motion_drives(detailed, photo, tmp_path):
    motions = [tiny_animator().motion(frame) for frame in pictures(COUNT)]
    write_motion(tmp_path / "nod.motion", motions, system="fomm", rate=25.0, size=SIZE, model="tiny")
    found = detailed("--compare", driving=tmp_path / "nod.motion")
    assert found.shape == (COUNT, 48, 96, 3)
    np.testing.assert_array_equal(found[0, :, :48], look(read_source(photo), 48, crop=True))


def test_paste_back_puts_the_large_result_into_the_portrait(detailed, model, photo, short):
    source = read_source(photo)
    results = expected(model, photo, short, crop=True, side=48)
    found = detailed("--paste-back")
    assert_close(found, np.stack([paste(source, centred_square(48, 64), result) for result in results]))
    np.testing.assert_array_equal(found[:, :, :8], [source[:, :8]] * COUNT)


def test_a_small_portrait_has_no_detail_to_carry_over(detailed, tmp_path):
    Image.fromarray(pictures(1, height=SIZE, width=40)[0]).save(tmp_path / "small.png")
    assert detailed(source=tmp_path / "small.png").shape == (COUNT, SIZE, SIZE, 3)


def test_a_huge_portrait_is_limited():
    source = np.zeros((700, 900, 3), np.uint8)
    large, limited = detail_of(source, 64, crop=True), detail_of(source, 64, crop=False, most=128)
    assert large is not None and large.shape == (512, 512, 3)
    assert limited is not None and limited.shape == (128, 128, 3)
