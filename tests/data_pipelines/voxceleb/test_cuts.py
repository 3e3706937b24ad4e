"""Frames by their number at 25 a second, out of videos of any rate."""

import dataclasses
import math
from fractions import Fraction

import av
import numpy as np
import pytest

from data_pipelines.errors import InputError
from data_pipelines.voxceleb.boxes import Box
from data_pipelines.voxceleb.cuts import Cut, cut_frames, frames_at


def numbered(count: int) -> list[np.ndarray]:
    """Grey frames of 32 x 48 whose brightness is 5 times their number."""
    return [np.full((32, 48, 3), 5 * number, np.uint8) for number in range(count)]


def numbers(frames) -> list[int]:
    return [round(float(frame.mean()) / 5) for frame in frames]


def timed_video(path, times, *, ticks=1000):
    """A video whose frames are shown at the given numbers of ticks."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv444p"
        stream.options = {"crf": "2", "g": "4", "bf": "2"}
        stream.codec_context.time_base = Fraction(1, ticks)
        for frame, time in zip(numbered(len(times)), times, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = time, Fraction(1, ticks)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def shown(times, number, *, ticks=1000):
    """Which picture is frame `number`: the last one whose time is before (number + 1/2) / 25."""
    return max(index for index, time in enumerate(times) if Fraction(time, ticks) < Fraction(2 * number + 1, 50))


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24), Fraction(50)])
def test_rates_become_25(tmp_path, make_video, rate):
    path = make_video(tmp_path / "a.mp4", numbered(40), rate=rate)
    found = numbers(frames_at(path, 0, 1000))
    expected = [max(i for i in range(40) if i / rate < Fraction(2 * k + 1, 50)) for k in range(len(found))]
    assert found == expected
    assert abs(len(found) - 40 * 25 / rate) <= Fraction(1, 2)


def test_clip_out_of_the_middle(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", numbered(40))
    for first, stop in [(0, 3), (1, 9), (4, 5), (17, 31), (36, 40)]:
        assert numbers(frames_at(path, first, stop)) == list(range(first, stop))
    assert numbers(frames_at(path, 38, 50)) == [38, 39]
    assert numbers(frames_at(path, 60, 70)) == []


def test_uneven_times(tmp_path):
    times = [0, 41, 79, 121, 300, 310, 320, 330, 500, 540, 580, 620, 655, 700]
    path = timed_video(tmp_path / "a.mkv", times)
    assert numbers(frames_at(path, 0, 17)) == [shown(times, number) for number in range(17)]
    for first in range(17):
        assert numbers(frames_at(path, first, 17)) == [shown(times, number) for number in range(first, 17)]


def test_video_that_starts_late(tmp_path):
    times = [5000 + 40 * number for number in range(12)]
    assert numbers(frames_at(timed_video(tmp_path / "a.mkv", times), 3, 8)) == [3, 4, 5, 6, 7]


CUT = Cut(0, 4, Box(4, 8, 20, 24), (48, 32), min_frames=2, min_side=8, enlargement=0.25, max_outside=0)


def corner_frames() -> list[np.ndarray]:
    """Frames of 32 x 48 whose red says x and whose green says y."""
    ys, xs = np.mgrid[:32, :48]
    return [np.stack([5 * xs, 5 * ys, 0 * xs], axis=-1).astype(np.uint8)] * 4


@pytest.mark.parametrize(
    ("box", "picture"),
    [
        (Box(4, 8, 20, 24), (48.0, 32.0)),
        (Box(8, 16, 40, 48), (96.0, 64.0)),
        (Box(4 / 48, 8 / 32, 20 / 48, 24 / 32), (1.0, 1.0)),
        (Box(45, 90, 225, 270), (None, 360.0)),
        (Box(4, 8, 20, 24), (None, None)),
    ],
)
def test_boxes_of_every_unit(tmp_path, make_video, box, picture):
    path = make_video(tmp_path / "a.mp4", corner_frames())
    for frame in cut_frames(path, dataclasses.replace(CUT, box=box, picture=picture)):
        assert frame.shape == (24, 24, 3)
        np.testing.assert_allclose(frame[0, 0], [0, 5 * 4, 0], atol=12)
        np.testing.assert_allclose(frame[-1, -1], [5 * 23, 5 * 27, 0], atol=12)


def test_stretched_box_stays_as_it_is(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", corner_frames())
    cut = dataclasses.replace(CUT, box=Box(10, -3, 30, 40), stretch=True, enlargement=0.0, max_outside=math.inf)
    assert [frame.shape for frame in cut_frames(path, cut)] == [(32, 20, 3)] * 4


@pytest.mark.parametrize("box", [Box(47.7, 4, 67, 24), Box(4, 31.8, 24, 50), Box(-20, -16, 0.3, 0.2)])
def test_stretched_box_at_an_edge_stays_within_the_picture(tmp_path, make_video, box):
    path = make_video(tmp_path / "a.mp4", corner_frames())
    cut = dataclasses.replace(CUT, box=box, stretch=True, enlargement=0.0, max_outside=math.inf)
    shapes = [frame.shape for frame in cut_frames(path, cut)]
    assert len(shapes) == 4 and min(min(shape) for shape in shapes) > 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"min_side": 17}, "the face is 16 pixels large, at least 17 are needed"),
        ({"box": Box(0, 8, 20, 24)}, "reaches 5 pixels beyond the picture"),
        ({"box": Box(40, 8, 60, 24), "min_inside": 0.5, "max_outside": math.inf}, "40% of the box lies within"),
        ({"box": Box(50, 8, 60, 24)}, "outside the picture of 48 x 32"),
    ],
)
def test_boxes_that_are_refused(tmp_path, make_video, change, sentence):
    path = make_video(tmp_path / "a.mp4", corner_frames())
    with pytest.raises(InputError, match=sentence):
        list(cut_frames(path, dataclasses.replace(CUT, **change)))
