"""`thf animate` end to end with a tiny network, its options, and everything that can be wrong with its input."""

import signal
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from tests.inference.samples import (
    SIZE,
    pictures,
    read_pictures,
    sound_packets,
    tiny_animator,
    video_properties,
    write_clip,
)
from thf_jax.inference import film
from thf_jax.inference.animate import animate
from thf_jax.inference.crop import centred_square, look, paste
from thf_jax.inference.driving import open_driving, read_source
from thf_jax.inference.video import to_uint8
from thf_jax.interop.model_directory import load_model

NTSC = Fraction(30000, 1001)


def expected_frames(model, photo, clip, *, crop=True, **options) -> np.ndarray:
    animator = load_model(model)
    source = look(read_source(photo), SIZE, crop=crop)
    frames = [look(frame, SIZE, crop=crop) for frame in open_driving(clip).frames()]
    return np.stack(
        [to_uint8(np.asarray(rendering.image)) for rendering in animate(animator, source, frames, **options)]
    )


def test_a_clip_with_sound_keeps_rate_length_and_sound(thf, model, photo, clip, tmp_path):
    out = tmp_path / "out.mp4"
    outcome = thf("animate", photo, clip, "-o", out, "--model", model)
    assert (outcome.status, outcome.err) == (0, "")
    assert video_properties(out) == (NTSC, 12, (SIZE, SIZE))
    assert sound_packets(out) == sound_packets(clip)
    assert str(out) in outcome.out and "12 frames in" in outcome.out and "frames/s" in outcome.out
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["--relative"], {"relative": True}),
        (["--absolute"], {"relative": False}),
        (["--adapt-scale"], {"adapt_scale": True}),
        (["--no-adapt-scale"], {"adapt_scale": False}),
        (["--smooth", "2"], {"smooth": 2.0}),
        (["--no-crop"], {"crop": False}),
        (["--crop"], {"crop": True}),
    ],
)
def test_options_reach_the_loop(thf, model, photo, clip, tmp_path, words, options):
    assert thf("animate", photo, clip, "-o", tmp_path / "out", "--model", model, *words).status == 0
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), expected_frames(model, photo, clip, **options))


def test_the_best_frame_is_where_motion_starts(thf, model, photo, clip, tmp_path, monkeypatch):
    """The source is a frame of the clip itself: that one must be found, and come out in the source's own pose."""
    frames = list(open_driving(clip).frames())
    Image.fromarray(frames[7]).save(tmp_path / "seven.png")
    outcome = thf("animate", tmp_path / "seven.png", clip, "-o", tmp_path / "out", "--model", model, "--best-frame")
    assert outcome.status == 0 and "frame 7 is nearest" in outcome.out
    animator = load_model(model)
    face = look(frames[7], SIZE, crop=True)
    initial = animator.motion(face)
    expected = expected_frames(model, tmp_path / "seven.png", clip, initial=initial)
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), expected)


def test_compare_puts_portrait_driving_and_result_side_by_side(thf, model, photo, clip, tmp_path):
    assert thf("animate", photo, clip, "-o", tmp_path / "out", "--model", model, "--compare").status == 0
    panels = np.split(read_pictures(tmp_path / "out"), 3, axis=2)
    driving = [look(frame, SIZE, crop=True) for frame in open_driving(clip).frames()]
    np.testing.assert_array_equal(panels[0], [look(read_source(photo), SIZE, crop=True)] * 12)
    np.testing.assert_array_equal(panels[1], driving)
    np.testing.assert_array_equal(panels[2], expected_frames(model, photo, clip))


def test_paste_back_keeps_the_portraits_size_and_surroundings(thf, model, photo, clip, tmp_path):
    assert thf("animate", photo, clip, "-o", tmp_path / "out", "--model", model, "--paste-back").status == 0
    source, results = read_source(photo), expected_frames(model, photo, clip)
    pasted = [paste(source, centred_square(48, 64), result) for result in results]
    np.testing.assert_array_equal(read_pictures(tmp_path / "out"), pasted)
    np.testing.assert_array_equal(read_pictures(tmp_path / "out")[0, :, :8], source[:, :8])


@pytest.mark.parametrize(("name", "opened"), [("out.gif", True), ("out.webm", True), ("out.mov", True), ("out", False)])
def test_every_kind_of_output(thf, model, photo, clip, tmp_path, name, opened):
    assert thf("animate", photo, clip, "-o", tmp_path / name, "--model", model).status == 0
    if opened:
        with av.open(str(tmp_path / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 12
    else:
        assert len(list((tmp_path / name).iterdir())) == 12


def test_a_gif_and_a_folder_drive_as_the_pictures_in_them(thf, model, photo, tmp_path):
    (tmp_path / "frames").mkdir()
    frames = [Image.fromarray(frame) for frame in pictures(4, height=40, width=50)]
    for index, frame in enumerate(frames):
        frame.save(tmp_path / "frames" / f"{index}.png")
    palette = [frame.quantize(64) for frame in frames]
    palette[0].save(tmp_path / "clip.gif", save_all=True, append_images=palette[1:], duration=80)
    for driving, rate in [("frames", Fraction(25)), ("clip.gif", Fraction(25, 2))]:
        out = tmp_path / f"{driving}.mp4"
        assert thf("animate", photo, tmp_path / driving, "-o", out, "--model", model).status == 0
        assert video_properties(out) == (rate, 4, (SIZE, SIZE))


def test_out_mp4_in_the_current_folder_is_the_default(thf, model, photo, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert thf("animate", photo, clip, "--model", model).status == 0
    assert (tmp_path / "out.mp4").is_file()


def photo_of_mode(folder, mode):
    """A portrait, stored as Pillow's `mode`."""
    picture = Image.fromarray(pictures(1)[0])
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    if mode.endswith("A"):
        picture.putalpha(128)
    path = folder / ("photo.jpg" if mode == "CMYK" else "photo.png")
    picture.save(path)
    return path


@pytest.mark.parametrize("mode", ["P", "L", "1"])
def test_pictures_of_other_modes_are_animated(thf, model, clip, tmp_path, mode):
    outcome = thf("animate", photo_of_mode(tmp_path, mode), clip, "-o", tmp_path / "out.mp4", "--model", model)
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize("mode", ["CMYK", "RGBA", "LA", "I;16"])
def test_pictures_that_are_not_8_bit_rgb_are_refused(thf, model, clip, tmp_path, mode):
    outcome = thf("animate", photo_of_mode(tmp_path, mode), clip, "-o", tmp_path / "out.mp4", "--model", model)
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1
    assert "save it as 8-bit RGB" in outcome.err
    assert not (tmp_path / "out.mp4").exists()


def spoilt_inputs(folder):
    """Files that are not what their names say, and places where nothing can be written."""
    (folder / "text.mp4").write_text("hello\n")
    (folder / "text.png").write_text("hello\n")
    (folder / "text.motion").write_text("hello\n")
    (folder / "vox.pth.tar").write_text("hello\n")
    (folder / "empty").mkdir()
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    with av.open(str(folder / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = write_clip(folder / "whole.mkv", count=2).read_bytes()
    (folder / "nothing.mkv").write_bytes(whole[:600])
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    (folder / "broken" / "variables.safetensors").write_text("")


WRONG = {
    "missing source": ["{in}/no.png", "{clip}"],
    "text as source": ["{in}/text.png", "{clip}"],
    "one pixel": ["{in}/dot.png", "{clip}"],
    "missing driving": ["{photo}", "{in}/no.mp4"],
    "text as driving": ["{photo}", "{in}/text.mp4"],
    "text as motion": ["{photo}", "{in}/text.motion"],
    "empty folder": ["{photo}", "{in}/empty"],
    "sound alone": ["{photo}", "{in}/sound.mp4"],
    "no frames": ["{photo}", "{in}/nothing.mkv"],
    "unknown model": ["{photo}", "{clip}", "--model", "{in}/none"],
    "no model in the folder": ["{photo}", "{clip}", "--model", "{in}/empty"],
    "broken model": ["{photo}", "{clip}", "--model", "{in}/broken"],
    "checkpoint": ["{photo}", "{clip}", "--model", "{in}/vox.pth.tar"],
    "missing output folder": ["{photo}", "{clip}", "-o", "{out}/no/out.mp4"],
    "output in a file": ["{photo}", "{clip}", "-o", "{photo}/out.mp4"],
    "output over a folder": ["{photo}", "{clip}", "-o", "{in}/empty.mp4"],
    "output of unknown kind": ["{photo}", "{clip}", "-o", "{out}/out.txt"],
    "output over the driving": ["{photo}", "{in}/whole.mkv", "-o", "{in}/whole.mkv"],
    "contradiction": ["{photo}", "{clip}", "--absolute", "--adapt-scale"],
    "another contradiction": ["{photo}", "{clip}", "--absolute", "--best-frame"],
    "a third contradiction": ["{photo}", "{clip}", "--absolute", "--mode", "avd"],
    "two views": ["{photo}", "{clip}", "--compare", "--paste-back"],
    "negative smoothing": ["{photo}", "{clip}", "--smooth", "-1"],
    "no number": ["{photo}", "{clip}", "--smooth", "much"],
    "unknown option": ["{photo}", "{clip}", "--adapt-scales"],
    "no driving": ["{photo}"],
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_gives_one_sentence_and_status_2_and_writes_nothing(thf, model, photo, clip, tmp_path, case):
    for name in ["in", "out"]:
        (tmp_path / name).mkdir()
    spoilt_inputs(tmp_path / "in")
    (tmp_path / "in" / "empty.mp4").mkdir()
    places = {"in": tmp_path / "in", "out": tmp_path / "out", "photo": photo, "clip": clip}
    words = [word.format(**places) for word in WRONG[case]]
    defaults = [] if "-o" in words else ["-o", tmp_path / "out" / "out.mp4"]
    defaults += [] if "--model" in words else ["--model", model]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    outcome = thf("animate", *words, *defaults)
    assert outcome.status == 2
    assert outcome.err.startswith("thf: ") and outcome.err.count("\n") == 1
    assert outcome.out == ""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_clip_that_breaks_off_leaves_nothing_behind(thf, model, photo, tmp_path, monkeypatch):
    """The folder's last frame is no picture: that shows when the others are animated already."""
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(pictures(5)):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{index}.png")
    (tmp_path / "frames" / "5.png").write_text("hello")
    outcome = thf("animate", photo, tmp_path / "frames", "-o", tmp_path / "out.mp4", "--model", model)
    assert outcome.status == 2 and outcome.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), 130, "thf: interrupted\n"),
        (signal.SIGTERM, 143, "thf: ended by SIGTERM\n"),
        (OSError("the disk is full"), 1, "thf: the work failed: OSError: the disk is full (--debug shows where)\n"),
    ],
)
def test_failures_leave_nothing_behind(thf, model, photo, clip, tmp_path, monkeypatch, error, status, sentence):
    def failing(*arguments, **options):
        yield pictures(1)[0], None
        if isinstance(error, signal.Signals):
            signal.raise_signal(error)
        raise error

    monkeypatch.setattr(film, "results", failing)
    words = ["animate", photo, clip, "-o", tmp_path / "out.mp4", "--model", model]
    outcome = thf(*words)
    assert (outcome.status, outcome.err) == (status, sentence)
    assert "Traceback" in thf(*words, "--debug").err
    assert list(tmp_path.iterdir()) == []


def test_motion_of_another_number_of_keypoints_is_refused(thf, model, photo, tmp_path):
    from thf_jax.inference.motion_files import write_motion
    from thf_jax.types import Keypoints

    motions = [Keypoints(np.zeros((9, 2), np.float32))] * 3
    write_motion(tmp_path / "nine.motion", motions, system="fomm", rate=25.0, size=64)
    write_motion(tmp_path / "other.motion", motions, system="x2face", rate=25.0, size=64)
    outcome = thf("animate", photo, tmp_path / "nine.motion", "-o", tmp_path / "out.mp4", "--model", model)
    assert outcome.status == 2 and "extract the motion with the model that animates" in outcome.err
    outcome = thf("animate", photo, tmp_path / "other.motion", "-o", tmp_path / "out.mp4", "--model", model)
    assert outcome.status == 2 and "the motion is of the system x2face" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out.mp4").exists()


def test_the_tests_compare_with_the_model_on_disk(model):
    frame = pictures(1)[0]
    np.testing.assert_array_equal(load_model(model).motion(frame).position, tiny_animator().motion(frame).position)
