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


def numbers(frames):
    """Which of the plain frames these are."""
    return [round(float(frame[..., 1].mean()) / 10) for frame in frames]


BURST = [0, 40, 80, 120, 160, 400, 440, 480, 520, 560]  # a pause of 6 frames in the middle


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_steady_frames_keep_step_with_the_clock(tmp_path, make_timed_video, plain, suffix):
    path = make_timed_video(tmp_path / f"a{suffix}", plain(10), BURST)
    clip, steady = open_clip(path), open_clip(path, steady=True)
    assert numbers(clip.frames()) == list(range(10)), "a dataset has each picture once"
    assert steady.rate == 25
    assert numbers(steady.frames()) == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 5, 6, 7, 8, 9]
    assert numbers(steady.frames()) == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 5, 6, 7, 8, 9], "each call starts a new pass"
    assert steady.length == 15


def test_steady_frames_of_a_clip_that_begins_late_begin_with_its_first(tmp_path, make_timed_video, plain):
    path = make_timed_video(tmp_path / "a.mkv", plain(10), [time + 5000 for time in BURST])
    assert numbers(open_clip(path, steady=True).frames()) == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 5, 6, 7, 8, 9]


def test_steady_frames_leave_out_what_is_too_quick(tmp_path, make_timed_video, plain):
    path = make_timed_video(tmp_path / "a.mkv", plain(10), [0, 40, 80, 120, 125, 130, 145, 160, 200, 240])
    steady = open_clip(path, steady=True)
    assert steady.rate == 25
    assert numbers(steady.frames()) == [0, 1, 2, 5, 7, 8, 9]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_constant_rate_is_steady_already(tmp_path, make_video, plain, suffix):
    path = make_video(tmp_path / f"a{suffix}", plain(12), rate=Fraction(30000, 1001))
    clip, steady = open_clip(path), open_clip(path, steady=True)
    assert (steady.rate, steady.length) == (clip.rate, clip.length) and clip.rate == Fraction(30000, 1001)
    np.testing.assert_array_equal(list(steady.frames()), list(clip.frames()))


def test_rounded_times_of_a_constant_rate_are_steady(tmp_path, make_timed_video, plain):
    """The file says times in whole milliseconds and no rate."""
    starts = [round(1001 * number / 30) for number in range(200)]
    path = make_timed_video(tmp_path / "a.webm", [plain(1, base=100)[0]] * 200, starts, codec="libvpx", stated=False)
    steady = open_clip(path, steady=True)
    assert float(steady.rate) == pytest.approx(30 / 1.001, abs=2e-3)
    assert sum(1 for _ in steady.frames()) == 200


@pytest.mark.parametrize("steady", [False, True])
def test_browser_recording_without_a_rate_is_measured(tmp_path, make_timed_video, plain, steady):
    times = np.cumsum([0, 33, 34, 38, 60, 33, 33, 60, 34, 38, 33, 60, 38, 34, 33, 33, 60, 38]).tolist()
    path = make_timed_video(tmp_path / "a.webm", plain(18), times, codec="libvpx", stated=False)
    with av.open(str(path)) as container:
        assert (container.streams.video[0].average_rate, container.streams.video[0].guessed_rate) == (None, 1000)
    clip = open_clip(path, steady=steady)
    found = numbers(clip.frames())
    assert abs(len(found) / clip.rate - (times[-1] + 38) / 1000) < 0.03, "as long as it was"
    assert found == list(range(18)), "no picture is half a frame out of step"


def test_a_rate_that_is_the_unit_of_the_times_is_measured(tmp_path, make_timed_video, plain):
    path = make_timed_video(tmp_path / "a.webm", plain(10), [40 * number for number in range(10)], codec="libvpx")
    content = bytearray(path.read_bytes())
    place = content.index(b"\x23\xe3\x83\x84") + 4  # Matroska's DefaultDuration, in nanoseconds
    content[place : place + 4] = struct.pack(">I", 1_000_000)
    path.write_bytes(content)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 1000
    assert open_clip(path).rate == pytest.approx(25, rel=0.12)
    clip = open_clip(path, steady=True)
    assert numbers(clip.frames()) == list(range(10))


def test_steady_frames_are_not_quicker_than_cameras(tmp_path, make_timed_video, plain):
    path = make_timed_video(tmp_path / "a.mkv", plain(20), [*range(16), 1000, 1001, 1002, 1003])
    assert open_clip(path, steady=True).rate == 240


def test_a_picture_that_stands_for_hours_is_refused_before_it_is_repeated(tmp_path, make_timed_video, plain):
    path = make_timed_video(tmp_path / "a.mkv", plain(5), [0, 40, 80, 10**9, 10**9 + 40])
    assert len(list(open_clip(path).frames())) == 5
    with pytest.raises(InputError, match=r"a picture of .*a\.mkv stands still for 1000000 seconds: .* than 600"):
        open_clip(path, steady=True)


def test_steady_gif(tmp_path, plain):
    images = [Image.fromarray(frame) for frame in plain(4, base=50)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=[40, 40, 80, 0])
    clip = open_clip(tmp_path / "a.gif", steady=True)
    assert (clip.rate, clip.length) == (25, 7)
    assert numbers(clip.frames()) == [0, 1, 2, 2, 3, 3, 3], "a frame of 0 ms is shown for 100"
    images[0].save(tmp_path / "b.gif", save_all=True, append_images=images[1:], duration=[30, 40, 30, 30])
    clip = open_clip(tmp_path / "b.gif", steady=True)
    assert (clip.rate, clip.length) == (Fraction(4000, 130), 4)


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
