"""A clip out of a longer video: which frames, which square of them, at 25 frames a second."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from data_pipelines.clips import Frame, open_clip
from data_pipelines.errors import InputError
from data_pipelines.video import Picture, decode_video, upright
from data_pipelines.voxceleb.boxes import Box, square_within
from data_pipelines.voxceleb.recipe import FRAME_RATE

HALF = Fraction(1, 2)


@dataclasses.dataclass(frozen=True)
class Cut:
    """Frames `first` to `stop` - 1 at `FRAME_RATE`, counted from the beginning of the video, within a box.

    `picture` is the size (width, height) of the picture in which the box was drawn; the video may come in another
    one. A width of None says that the box is scaled by the height alone, a height of None that it is not scaled.
    """

    first: int
    stop: int
    box: Box
    picture: tuple[float | None, float | None]
    min_frames: int
    min_side: int
    enlargement: float
    max_outside: float
    stretch: bool = False
    min_inside: float = 0.0  # share of the box's area that must lie within the picture


def cut_frames(path: Path, cut: Cut) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames of the cut, cropped and not yet resized; fewer than asked for where the video ends before.

    Raises:
        InputError: the video is damaged, its frames have no times, or the box is too small or not within the picture.
    """
    open_clip(path, threads=1)  # raises for what is no video
    for frame in frames_at(path, cut.first, cut.stop):
        height, width = frame.shape[:2]  # of each, since a video may change its size in the middle
        crop = _crop(cut, width=width, height=height)
        yield frame[int(crop.top) : int(crop.bottom), int(crop.left) : int(crop.right)]


def frames_at(path: Path, first: int, stop: int) -> Iterator[Frame]:
    """Frames `first` to `stop` - 1 of the video at `FRAME_RATE`, whatever its own rate, as far as it goes.

    Frame k is the last picture whose time is before (k + 1/2) / `FRAME_RATE`: pictures that are out of step by less
    than half a frame, as rounded time stamps are, count as in step. This is also what `ffmpeg -r 25` takes.

    Raises:
        InputError: the video is damaged, or its pictures have no times.
    """
    number = first
    for picture, until in _with_ends(_pictures(path, Fraction(first, FRAME_RATE))):
        end = min(stop, math.floor(until * FRAME_RATE + HALF))
        if end > number:
            yield from itertools.repeat(upright(picture), end - number)
            number = end
        if number >= stop:
            return


def _pictures(path: Path, start: Fraction) -> Iterator[tuple[Fraction, Picture]]:
    """The pictures with their times, from one that is shown at `start` or before; from the first where start is 0."""
    pictures = decode_video(path, start=start, threads=1)  # There is a worker for every processor already.
    beginning = next(pictures, None)
    if beginning is None or beginning.time is None or beginning.time > start:
        pictures = decode_video(path, threads=1)
    else:
        pictures = itertools.chain([beginning], pictures)
    for picture in pictures:
        if picture.time is None:
            raise InputError(f"the video {path} does not say when its pictures are shown")
        yield picture.time, picture


def _with_ends(pictures: Iterator[tuple[Fraction, Picture]]) -> Iterator[tuple[Picture, Fraction]]:
    """The pictures with the times at which the next ones follow; the last is shown for as long as it says."""
    last = None
    for time, picture in pictures:
        if last is not None:
            yield last[1], time
        last = (time, picture)
    if last is not None:
        time, picture = last
        yield picture, time + (picture.duration or Fraction(1, FRAME_RATE))


def _crop(cut: Cut, *, width: int, height: int) -> Box:
    """Where to cut a picture of `width` x `height`, in whole pixels.

    Raises:
        InputError: the box is too small or not within the picture.
    """
    drawn_width, drawn_height = cut.picture
    y_scale = 1 if drawn_height is None else height / drawn_height
    x_scale = y_scale if drawn_width is None else width / drawn_width
    box = cut.box.scaled(x_scale, y_scale)
    side = max(box.width, box.height)
    if side < cut.min_side:
        raise InputError(f"the face is {round(side)} pixels large, at least {cut.min_side} are needed")
    square = square_within(box, width, height, enlargement=cut.enlargement, max_outside=cut.max_outside)
    left, top, right, bottom = max(0, box.left), max(0, box.top), min(width, box.right), min(height, box.bottom)
    inside = (right - left) * (bottom - top) / (box.width * box.height)
    if inside < cut.min_inside:
        raise InputError(f"{inside:.0%} of the box lies within the picture, at least {cut.min_inside:.0%} are needed")
    if not cut.stretch:
        return square
    left, top = min(round(left), width - 1), min(round(top), height - 1)
    return Box(left, top, max(left + 1, round(right)), max(top + 1, round(bottom)))
