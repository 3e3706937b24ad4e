"""How video files are opened, and what their pictures are."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from av.error import FFmpegError

from data_pipelines.clips import open_clip
from data_pipelines.errors import InputError
from data_pipelines.video import decode_video, open_media, picture_times, upright


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile secret.mp4\n", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n"]
)
@pytest.mark.parametrize("name", ["evil.mp4", "evil.webm"])
def test_a_list_of_other_files_is_no_clip(tmp_path, make_video, plain, monkeypatch, text, name):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "secret.mp4", plain(3))
    (tmp_path / name).write_text(text)
    with pytest.raises(FFmpegError):
        open_media(name)
    with pytest.raises(InputError, match=r"the file evil\.\w+ cannot be read as a video"):
        open_clip(name)


def test_a_name_with_a_colon_is_no_address(tmp_path, make_video, plain, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "a.mp4", plain(3)).rename("12:30.mp4")
    assert len(list(open_clip("12:30.mp4").frames())) == 3


def narrow_video(path, aspect, *, turned=False):
    """A video of 24 x 32 with a white corner whose pixels have this width by height, which the bitstream says."""
    frame = np.zeros((32, 24, 3), np.uint8)
    frame[:8, :6] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 24, "yuv444p"
        stream.options = {"crf": "4"}
        stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    if turned:
        content = bytearray(path.read_bytes())
        matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16
        content[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
        path.write_bytes(content)
    return frame


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(2), 48), (Fraction(4, 3), 32), (Fraction(1, 2), 12)])
def test_wide_pixels_become_square(tmp_path, aspect, width):
    narrow_video(tmp_path / "a.mp4", aspect)
    picture = next(decode_video(tmp_path / "a.mp4"))
    assert picture.aspect == aspect
    shown = upright(picture)
    assert shown.shape == (32, width, 3)
    corner = shown[:8, :, 0].astype(int).mean(axis=0)
    assert corner[: width // 4 - 1].min() > 235 and corner[width // 4 + 1 :].max() < 20


def test_wide_pixels_are_wide_before_the_picture_is_turned(tmp_path):
    narrow_video(tmp_path / "a.mp4", Fraction(2), turned=True)
    assert next(open_clip(tmp_path / "a.mp4").frames()).shape == (48, 32, 3)


@pytest.mark.parametrize("aspect", [Fraction(5), Fraction(1, 5)])
def test_pixels_that_no_camera_has_count_as_square(tmp_path, aspect):
    narrow_video(tmp_path / "a.mp4", aspect)
    assert next(open_clip(tmp_path / "a.mp4").frames()).shape == (32, 24, 3)


def test_times_of_pictures_in_the_order_in_which_they_are_shown(tmp_path, make_video, plain):
    """The encoder refers back and forth, so packets come in another order."""
    noise = list(np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8))
    path = make_video(tmp_path / "a.mp4", [*plain(12), *noise], rate=Fraction(30000, 1001))
    times = picture_times(path)
    assert times is not None
    decoded = [picture.time for picture in decode_video(path)]
    assert [int(start) * times.tick for start in times.starts - times.starts[0]] == decoded
    assert times.last * times.tick == Fraction(1001, 30000)


def test_times_of_another_century_are_damage(tmp_path, make_timed_video, plain):
    path = make_timed_video(tmp_path / "a.mkv", plain(3), [0, 40, 2**60])
    with pytest.raises(InputError, match=r"a\.mkv is damaged \(.* ages apart\)"):
        picture_times(path)
