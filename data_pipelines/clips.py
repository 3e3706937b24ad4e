"""One reader for every kind of clip: video files, gifs, folders of frames and strips of frames.

Frames come lazily, one at a time, as uint8 RGB [h w 3].
"""

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8
from PIL import Image, ImageSequence, UnidentifiedImageError

from data_pipelines.errors import InputError
from data_pipelines.images import IMAGE_SUFFIXES, open_image, to_rgb

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v"})
CLIP_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {".gif"}

Frame = UInt8[np.ndarray, "h w 3"]


@dataclasses.dataclass(frozen=True)
class Clip:
    """A readable clip.

    `rate` is its frames a second, None where it has none (frames on disk). `length` is the number of frames that it
    announces, None where only reading it would tell. `frames()` starts a new pass over the frames.
    """

    path: Path
    rate: Fraction | None
    length: int | None
    frames: Callable[[], Iterator[Frame]]


def open_clip(path: str | Path) -> Clip:
    """The clip at `path`: a video file, a gif, a folder of frames, or an image that is a strip of square frames.

    Only the header is read here; a clip that breaks later raises while its frames are drawn.

    Raises:
      InputError: there is nothing at `path`, it is no clip, or it has no frames.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise InputError(f"There is no clip {path}: give a video, a gif, a folder of frames or a strip of frames.")
    suffix = path.suffix.lower()
    if suffix == ".gif":
        return _open_gif(path)
    if suffix in IMAGE_SUFFIXES:
        return _open_strip(path)
    return _open_video(path)


def list_clips(folder: str | Path) -> list[Path]:
    """The paths of the clips directly inside `folder`, in natural order: clip files, and folders that hold frames."""
    found = (path for path in Path(folder).iterdir() if not path.name.startswith("."))
    return sorted((path for path in found if _looks_like_clip(path)), key=natural_key)


def natural_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A sorting key under which frame_2 comes before frame_10."""
    pieces = re.split(r"(\d+)", path.name)
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces], path.name


def _looks_like_clip(path: Path) -> bool:
    if path.is_dir():
        return any(frame.suffix.lower() in IMAGE_SUFFIXES for frame in path.iterdir())
    return path.suffix.lower() in CLIP_SUFFIXES


def _open_folder(path: Path) -> Clip:
    paths = sorted((frame for frame in path.iterdir() if frame.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
    if not paths:
        raise InputError(f"The folder {path} holds no frames: a clip folder holds png, jpg or webp files.")
    return Clip(path, None, len(paths), lambda: (_read_frame(frame) for frame in paths))


def _read_frame(path: Path) -> Frame:
    with open_image(path) as image:
        return to_rgb(image)


def _open_strip(path: Path) -> Clip:
    with open_image(path) as image:
        width, height = image.size
    if width % height:
        raise InputError(
            f"The image {path} is {width} x {height}: as a clip it must be a strip of square frames, "
            f"{height} high and a multiple of {height} wide."
        )

    def frames() -> Iterator[Frame]:
        strip = _read_frame(path)
        for left in range(0, width, height):
            yield np.ascontiguousarray(strip[:, left : left + height])

    return Clip(path, None, width // height, frames)


def _open_gif(path: Path) -> Clip:
    try:
        with Image.open(path) as gif:
            durations = [frame.info.get("duration", 0) for frame in ImageSequence.Iterator(gif)]
    except (UnidentifiedImageError, OSError, EOFError, SyntaxError, ValueError) as error:
        raise InputError(f"The file {path} cannot be read as a gif: {error}.") from error
    # Like browsers, take a frame that claims to last 10 ms or less for one of 100 ms.
    milliseconds = sum(duration if duration > 10 else 100 for duration in durations)
    rate = Fraction(1000 * len(durations)) / Fraction(milliseconds)

    def frames() -> Iterator[Frame]:
        with Image.open(path) as gif:
            for frame in ImageSequence.Iterator(gif):
                yield to_rgb(frame)

    return Clip(path, rate, len(durations), frames)


def _open_video(path: Path) -> Clip:
    frames = _video_frames(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"The file {path} has no video in it: give a video, a gif or a folder of frames.")
            stream = container.streams.video[0]
            rate, length = stream.average_rate or stream.guessed_rate, stream.frames
        first = next(frames, None)
    except (FFmpegError, OSError) as error:
        raise InputError(f"The file {path} cannot be read as a video: {_reason(error)}.") from error
    finally:
        frames.close()
    if first is None:
        raise InputError(f"The video {path} has no frames: give one with at least one frame.")
    return Clip(path, Fraction(rate) if rate else None, length or None, lambda: _video_frames(path))


def _video_frames(path: Path) -> Iterator[Frame]:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                # Phones store a turned picture and say by how many degrees counterclockwise to show it.
                turns = round((frame.rotation or 0) / 90) % 4
                yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
    except FFmpegError as error:
        raise InputError(f"The video {path} breaks off: {_reason(error)}.") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
