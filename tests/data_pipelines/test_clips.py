"""The clip reader: every kind of clip, and every way in which one can be unusable."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from data_pipelines.clips import clip_name, list_clips, open_clip
from data_pipelines.errors import InputError


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_video(tmp_path, make_video, plain, suffix):
    frames = plain(6, base=100)
    clip = open_clip(make_video(tmp_path / f"a{suffix}", frames, rate=Fraction(30000, 1001)))
    assert clip.rate == Fraction(30000, 1001)
    assert clip.length in (6, None)
    read = list(clip.frames())
    assert all(frame.dtype == np.uint8 for frame in read)
    np.testing.assert_allclose(np.stack(read).astype(int), np.stack(frames), atol=12)
    assert len(list(clip.frames())) == 6, "each call starts a new pass"


def test_video_is_read_lazily(tmp_path, make_video, plain, monkeypatch):
    clip = open_clip(make_video(tmp_path / "a.mp4", plain(20)))
    decoded = []
    monkeypatch.setattr(np, "rot90", lambda frame, turns: decoded.append(1) or frame)
    frames = clip.frames()
    next(frames)
    assert len(decoded) == 1


def test_phone_video_is_turned_as_its_matrix_says(tmp_path, make_video):
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:8, :8] = 255
    content = bytearray(make_video(tmp_path / "a.mp4", [frame] * 2).read_bytes())
    # QuickTime's matrix of a picture that is to be turned clockwise: (x, y) goes to (-y, x), y downwards.
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16
    assert struct.unpack(">3i", content[matrix : matrix + 12]) == (65536, 0, 0)
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "phone.mp4").write_bytes(content)
    upright = next(open_clip(tmp_path / "phone.mp4").frames())
    np.testing.assert_allclose(upright.astype(int), np.rot90(frame, -1), atol=12)


def test_gif_keeps_its_frames_and_durations(tmp_path, plain):
    images = [Image.fromarray(frame) for frame in plain(4, base=50)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=[40, 40, 80, 0])
    clip = open_clip(tmp_path / "a.gif")
    assert clip.rate == Fraction(4 * 1000, 40 + 40 + 80 + 100), "a frame of 0 ms is shown for 100"
    assert clip.length == 4
    np.testing.assert_allclose(np.stack(list(clip.frames())).astype(int), plain(4, base=50), atol=8)


def test_folder_of_frames_in_natural_order(tmp_path, plain, save_frames):
    frames = plain(12)
    folder = save_frames(tmp_path / "a", frames)
    (folder / "notes.txt").write_text("not a frame")
    clip = open_clip(folder)
    assert (clip.rate, clip.length) == (None, 12)
    np.testing.assert_array_equal(np.stack(list(clip.frames())), frames)


def test_strip_of_frames_drops_alpha(tmp_path, plain):
    frames = plain(5, side=16)
    strip = np.concatenate(frames, axis=1)
    alpha = np.full((*strip.shape[:2], 1), 7, np.uint8)
    Image.fromarray(np.concatenate([strip, alpha], axis=-1)).save(tmp_path / "a.png")
    clip = open_clip(tmp_path / "a.png")
    assert (clip.rate, clip.length) == (None, 5)
    np.testing.assert_array_equal(np.stack(list(clip.frames())), frames)


def test_image_that_is_no_strip_is_refused(tmp_path):
    Image.new("RGB", (50, 20)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is 50 x 20: .* multiple of 20"):
        open_clip(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png", "a.webm", "a.unknown"])
def test_text_is_no_clip(tmp_path, name):
    (tmp_path / name).write_text("hello " * 99)
    with pytest.raises(InputError, match=rf"the file .*{name} cannot be read"):
        open_clip(tmp_path / name)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no clip .*a\.mp4: give a video"):
        open_clip(tmp_path / "a.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no frames"):
        open_clip(tmp_path / "empty")
    with pytest.raises(InputError, match="there is no folder"):
        list_clips(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_video_without_pictures_is_refused(tmp_path, make_video, name):
    with pytest.raises(InputError, match=rf"{name} has no (pictures in it|frames): give"):
        open_clip(make_video(tmp_path / name, []))


def test_sound_alone_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="has no pictures in it"):
        open_clip(tmp_path / "a.mp4")


def test_video_that_is_cut_off_raises_while_it_is_read(tmp_path, make_video):
    noise = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    path = make_video(tmp_path / "a.mp4", list(noise), movflags="faststart")
    path.write_bytes(path.read_bytes()[:-5000])
    clip = open_clip(path)
    with pytest.raises(InputError, match=r"a\.mp4 is damaged \(cut off"):
        list(clip.frames())


@pytest.fixture(scope="module")
def intact(tmp_path_factory, make_video, plain):
    folder = tmp_path_factory.mktemp("intact")
    make_video(folder / "a.mp4", plain(3))
    first, *others = [Image.fromarray(frame) for frame in plain(3)]
    first.save(folder / "a.gif", save_all=True, append_images=others)
    first.save(folder / "a.png")
    first.save(folder / "a.jpg")
    first.save(folder / "a.webp")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".mp4", ".gif", ".png", ".jpg", ".webp"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0.1, 1),
)
def test_damage_is_an_input_error_and_nothing_else(tmp_path, intact, suffix, changes, kept):
    content = bytearray(intact[suffix])
    for place, value in changes:
        content[int(place * len(content))] = value
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content[: int(kept * len(content))])
    try:
        for frame in open_clip(path).frames():
            assert frame.dtype == np.uint8
            assert frame.shape[-1] == 3
    except InputError as error:
        assert str(path) in str(error)


def test_clips_of_a_folder_in_natural_order(tmp_path, plain, save_frames):
    for name in ("b10.mp4", "b2.MP4", "b2.gif", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).write_bytes(b"")
    save_frames(tmp_path / "b3.mp4", plain(1))
    (tmp_path / "b1").mkdir()
    assert [path.name for path in list_clips(tmp_path)] == ["b2.MP4", "b2.gif", "b3.mp4", "b10.mp4"]


def test_names(tmp_path):
    assert clip_name(tmp_path / "id1#x.y#0.mp4") == "id1#x.y#0"
    assert clip_name(tmp_path / "id1#x.y") == "id1#x.y"
