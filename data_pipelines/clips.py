"""One reader for every kind of clip: video files, gifs, folders of frames and strips of frames.

Frames come lazily, one at a time, as uint8 RGB [h w 3].
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8
from PIL import Image, ImageSequence

from data_pipelines.errors import InputError
from data_pipelines.images import IMAGE_SUFFIXES, as_rgb, opened, over_white, read_frame
from data_pipelines.timing import FASTEST, Times, at_rate
from data_pipelines.video import decode_video, open_media, picture_times, reason, upright

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi"})
CLIP_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {".gif"}
CLIP_KINDS = "a video (mp4, mov, webm, mkv, avi), a gif, a folder of frames or a strip of frames"
# Seconds. Where one picture stands longer, its frames would not end: the times are damaged.
LONGEST_PAUSE = 600

Frame = UInt8[np.ndarray, "h w 3"]


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip that can be read.

    `rate` is its frames a second, None where it has none (frames on disk). `length` is the number of frames that it
    announces, None where only reading would tell. Each call of `frames` starts a new pass over the frames, which
    raises `InputError` where the clip breaks off.
    """

    path: Path
    rate: Fraction | None
    length: int | None
    frames: Callable[[], Iterator[Frame]]


def open_clip(path: str | Path, *, threads: int = 0, steady: bool = False) -> Clip:
    """The clip at `path`: a video file, a gif, a folder of frames, or an image that is a strip of square frames.

    The frames are the clip's pictures, each once: what a dataset is made of, to which a repeated picture adds nothing.
    A video or gif whose pictures do not follow each other evenly thereby loses its times, and its `rate` is a mean.

    Args:
        path: of the clip.
        threads: that decode a video; 0 is as many as there are processors.
        steady: what is to be shown in time, beside sound for instance, is read with this. Where pictures are out of
            step with the clip's rate by more than half a frame, the rate becomes their usual one, and pictures are
            repeated and left out as their times ask for, see `at_rate`. Other clips stay as they are.

    Raises:
        InputError: there is nothing at `path`, it is no clip, or it has no frames.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise InputError(f"there is no clip {path}: give {CLIP_KINDS}")
    if path.suffix.lower() == ".gif":
        return _open_gif(path, steady)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _open_strip(path)
    return _open_video(path, threads, steady)


def list_clips(folder: str | Path) -> list[Path]:
    """The paths of the clips directly inside `folder`, in natural order: clip files, and folders that hold frames.

    Raises:
        InputError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: give a folder of clips")
    return _in_natural_order(path for path in folder.iterdir() if _looks_like_clip(path))


def frame_paths(folder: Path) -> list[Path]:
    """The frames in a folder that is a clip, in natural order."""
    return _in_natural_order(frame for frame in folder.iterdir() if _is_frame(frame))


def clip_name(path: Path) -> str:
    """The name of the clip at `path`, without the suffix of a clip file (which folders of frames may bear too)."""
    return path.stem if path.suffix.lower() in CLIP_SUFFIXES else path.name


def _looks_like_clip(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return any(_is_frame(frame) for frame in path.iterdir())
    return path.suffix.lower() in CLIP_SUFFIXES


def _is_frame(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _in_natural_order(paths: Iterator[Path]) -> list[Path]:
    """Sorted so that frame_2 comes before frame_10."""

    def key(path: Path) -> tuple[list[tuple[int, str]], str]:
        pieces = re.split(r"([0-9]+)", path.name)
        return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces], path.name

    return sorted(paths, key=key)


def _open_folder(path: Path) -> Clip:
    paths = frame_paths(path)
    if not paths:
        raise InputError(f"the folder {path} holds no frames: a clip folder holds png, jpg or webp files")
    return Clip(path, None, len(paths), lambda: (read_frame(frame) for frame in paths))


def _open_strip(path: Path) -> Clip:
    with opened(path) as image:
        width, height = image.size
    if width % height:
        raise InputError(
            f"the image {path} is {width} x {height}: as a clip it must be a strip of square frames side by side, "
            f"its width a multiple of {height}"
        )

    def frames() -> Iterator[Frame]:
        strip = read_frame(path)
        for left in range(0, width, height):
            yield np.ascontiguousarray(strip[:, left : left + height])

    return Clip(path, None, width // height, frames)


def _open_gif(path: Path, steady: bool) -> Clip:
    milliseconds = [_gif_duration(image) for image in _gif_images(path)]
    times = Times(np.cumsum([0, *milliseconds[:-1]]), milliseconds[-1], Fraction(1, 1000))
    clip = Clip(path, times.mean_rate(), len(milliseconds), lambda: (frame for frame, *_ in _gif_frames(path)))
    return _steadied(clip, times, lambda: _gif_frames(path)) if steady else clip


def _gif_frames(path: Path) -> Iterator[tuple[Frame, Fraction | None, Fraction]]:
    """The frames, each with its time and how long it lasts."""
    time = Fraction(0)
    for image in _gif_images(path):
        lasts = Fraction(_gif_duration(image), 1000)
        yield as_rgb(over_white(image)), time, lasts
        time += lasts


def _gif_duration(image: Image.Image) -> int:
    """Milliseconds. Like browsers, take a frame that claims to last 10 or less for one of 100."""
    stated = round(image.info.get("duration", 0))
    return stated if stated > 10 else 100


def _gif_images(path: Path) -> Iterator[Image.Image]:
    with opened(path, formats=("GIF",), wanted="a gif") as gif:
        yield from ImageSequence.Iterator(gif)


def _open_video(path: Path, threads: int, steady: bool) -> Clip:
    try:
        with open_media(path) as container:
            if not container.streams.video:
                raise InputError(f"the file {path} has no pictures in it: give {CLIP_KINDS}")
            stream = container.streams.video[0]
            average, guessed, length = stream.average_rate, stream.guessed_rate, stream.frames
    except FFmpegError as error:
        raise InputError(f"the file {path} cannot be read as a video ({reason(error)}): give {CLIP_KINDS}") from error
    timed = functools.partial(_video_frames, path, threads)
    if next(timed(), None) is None:
        raise InputError(f"the video {path} has no frames: give one with at least one frame")
    # Recordings of browsers say no rate, for which FFmpeg then takes the unit of their times.
    known = bool(average) and average <= FASTEST
    times = picture_times(path) if steady or not known else None
    measured = None if known or times is None else times.mean_rate()
    rate = measured or average or guessed or None
    clip = Clip(path, rate, length or None, lambda: (frame for frame, *_ in timed()))
    return _steadied(clip, times, timed) if steady and times is not None else clip


def _video_frames(path: Path, threads: int) -> Iterator[tuple[Frame, Fraction | None, Fraction]]:
    """The frames, each with its time and how long it lasts."""
    return ((upright(picture), picture.time, picture.duration) for picture in decode_video(path, threads=threads))


def _steadied(clip: Clip, times: Times, timed: Callable[[], Iterator[tuple[Frame, Fraction | None, Fraction]]]) -> Clip:
    """The clip with frames at a constant rate: itself, if its own rate is one."""
    if clip.rate is None or times.even_at(clip.rate):
        return clip
    if times.longest() > LONGEST_PAUSE:
        raise InputError(
            f"a picture of {clip.path} stands still for {float(times.longest()):.0f} seconds: "
            f"cut out what is longer than {LONGEST_PAUSE}, or convert the clip to a constant frame rate"
        )
    rate = min(times.usual_rate() or clip.rate, Fraction(FASTEST))
    return Clip(clip.path, rate, times.frames_at(rate), lambda: at_rate(timed(), rate))
