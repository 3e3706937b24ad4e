"""One reader for every kind of clip: video files, gifs, folders of frames and strips of frames.

Frames come lazily, one at a time, as uint8 RGB [h w 3].
"""

import dataclasses
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from jaxtyping import UInt8
from PIL import Image, ImageSequence

from data_pipelines.errors import InputError
from data_pipelines.images import IMAGE_SUFFIXES, as_rgb, opened, over_white, read_frame

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi"})
CLIP_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {".gif"}
CLIP_KINDS = "a video (mp4, mov, webm, mkv, avi), a gif, a folder of frames or a strip of frames"

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


def open_clip(path: str | Path, *, threads: int = 0) -> Clip:
    """The clip at `path`: a video file, a gif, a folder of frames, or an image that is a strip of square frames.

    Args:
        path: of the clip.
        threads: that decode a video; 0 is as many as there are processors.

    Raises:
        InputError: there is nothing at `path`, it is no clip, or it has no frames.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise InputError(f"there is no clip {path}: give {CLIP_KINDS}")
    if path.suffix.lower() == ".gif":
        return _open_gif(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _open_strip(path)
    return _open_video(path, threads)


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


def _open_gif(path: Path) -> Clip:
    durations = [image.info.get("duration", 0) for image in _gif_images(path)]
    # Like browsers, take a frame that claims to last 10 ms or less for one of 100 ms.
    milliseconds = sum(Fraction(duration) if duration > 10 else 100 for duration in durations)
    rate = Fraction(1000 * len(durations)) / milliseconds
    return Clip(path, rate, len(durations), lambda: (as_rgb(over_white(image)) for image in _gif_images(path)))


def _gif_images(path: Path) -> Iterator[Image.Image]:
    with opened(path, wanted="a gif") as gif:
        yield from ImageSequence.Iterator(gif)


def _open_video(path: Path, threads: int) -> Clip:
    try:
        with _container(path) as container:
            if not container.streams.video:
                raise InputError(f"the file {path} has no pictures in it: give {CLIP_KINDS}")
            stream = container.streams.video[0]
            rate, length = stream.average_rate or stream.guessed_rate, stream.frames
    except FFmpegError as error:
        raise InputError(f"the file {path} cannot be read as a video ({_reason(error)}): give {CLIP_KINDS}") from error
    if next(_video_frames(path, threads), None) is None:
        raise InputError(f"the video {path} has no frames: give one with at least one frame")
    return Clip(path, rate or None, length or None, lambda: _video_frames(path, threads))


def _video_frames(path: Path, threads: int) -> Iterator[Frame]:
    return (upright(picture) for _, picture in decode_video(path, threads=threads))


def decode_video(
    path: Path, *, start: Fraction = Fraction(0), threads: int = 0
) -> Iterator[tuple[Fraction | None, av.VideoFrame]]:
    """The decoded pictures of a video in order, each with its time in seconds, None where the video gives it none.

    Decoding begins at a picture before `start` that stands for itself, where the video can be entered there: so a
    clip out of the middle of a long video costs no more than one at its beginning.

    Raises:
        InputError: the video is damaged.
    """
    try:
        with _container(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.thread_count = threads
            if start > 0 and stream.time_base:
                container.seek((stream.start_time or 0) + int(start / stream.time_base), stream=stream)
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise InputError(f"the video {path} is damaged (cut off in the middle of a picture)")
                for picture in packet.decode():
                    yield _seconds(picture, since=stream.start_time or 0), picture
    except FFmpegError as error:
        raise InputError(f"the video {path} is damaged ({_reason(error)})") from error


def _seconds(picture: av.VideoFrame, *, since: int) -> Fraction | None:
    if picture.pts is None or picture.time_base is None:
        return None
    return (picture.pts - since) * picture.time_base


def upright(frame: av.VideoFrame) -> Frame:
    """The picture as RGB; phones store a turned one and say by how many degrees counterclockwise to show it."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4))


def _container(path: Path) -> InputContainer:
    return av.open(str(path), metadata_errors="replace")


def _reason(error: FFmpegError) -> str:
    return (error.strerror or str(error)).lower()
