"""Video files: how they are opened, and their decoded pictures with the times at which they are shown."""

import array
import dataclasses
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from jaxtyping import UInt8

from data_pipelines.errors import InputError
from data_pipelines.timing import Times

# FFmpeg looks at what is in a file, not at its name. Some of what it knows are lists of other files, which a stranger's
# clip must not open: these formats are complete in themselves.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,wav,mp3,flac,ogg,aac,aiff"
# Pixels that are wider or narrower than by these come from damaged files, and would ask for any amount of memory.
MOST_ASPECT = 4
# Between the first picture and the last: as many as a float counts exactly, which is 100 days of nanoseconds.
MOST_TICKS = 2**53


@dataclasses.dataclass(frozen=True)
class Picture:
    """A decoded picture. It is not RGB yet: of a long video most are passed over.

    `time` is in seconds since the video's beginning, None where the video gives it none; `duration` likewise, 0 where
    it gives none. `aspect` is the width of a pixel divided by its height.
    """

    time: Fraction | None
    duration: Fraction
    aspect: Fraction
    frame: av.VideoFrame


def open_media(path: str | os.PathLike[str]) -> InputContainer:
    """The file, open for reading: a video or sound that needs no other file.

    Raises:
        FFmpegError: it cannot be opened, or is of another kind.
    """
    # Without "file:" a name such as 12:30.mp4 would be taken for an address.
    return av.open(f"file:{os.fspath(path)}", options={"format_whitelist": FORMATS}, metadata_errors="replace")


def decode_video(path: Path, *, start: Fraction = Fraction(0), threads: int = 0) -> Iterator[Picture]:
    """The decoded pictures of a video in order.

    Decoding begins at a picture before `start` that stands for itself, where the video can be entered there: so a
    clip out of the middle of a long video costs no more than one at its beginning.

    Raises:
        InputError: the video is damaged.
    """
    try:
        with open_media(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.thread_count = threads
            aspect, since = _aspect(stream.sample_aspect_ratio), stream.start_time or 0
            if start > 0 and stream.time_base:
                container.seek(since + int(start / stream.time_base), stream=stream)
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise InputError(f"the video {path} is damaged (cut off in the middle of a picture)")
                for frame in packet.decode():
                    yield Picture(_seconds(frame, since=since), _duration(frame), aspect, frame)
    except FFmpegError as error:
        raise InputError(f"the video {path} is damaged ({reason(error)})") from error


def upright(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as RGB of square pixels.

    Phones store a turned picture and say by how many degrees counterclockwise to show it; discs and some cameras store
    a narrow one and say how wide its pixels are.
    """
    frame, aspect = picture.frame, picture.aspect
    width = max(1, round(frame.width * aspect))
    pixels = frame.to_ndarray(format="rgb24", width=width)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def picture_times(path: Path) -> Times | None:
    """When the pictures of a video are shown, which its packets say without being decoded.

    None where they do not say it. This keeps 16 bytes a picture, about as much as the file's own index.

    Raises:
        InputError: the video is damaged.
    """
    starts, lasts = array.array("q"), array.array("q")
    try:
        with open_media(path) as container:
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                if packet.is_discard or not packet.size:  # outside of what is shown; the empty packet at the end
                    continue
                if packet.pts is None:
                    return None
                starts.append(packet.pts)
                lasts.append(packet.duration or 0)
            tick = stream.time_base
    except FFmpegError as error:
        raise InputError(f"the video {path} is damaged ({reason(error)})") from error
    if not starts or not tick:
        return None
    latest = starts.index(max(starts))  # packets come in the order in which they are decoded
    if max(starts[latest] - min(starts), lasts[latest]) > MOST_TICKS:
        raise InputError(f"the video {path} is damaged (it says that its pictures are ages apart)")
    return Times(np.sort(np.frombuffer(starts, np.int64)), max(0, lasts[latest]), tick)


def reason(error: FFmpegError) -> str:
    """What FFmpeg says, as a part of a sentence."""
    return (error.strerror or str(error)).lower()


def _aspect(stated: Fraction | None) -> Fraction:
    if not stated or not Fraction(1, MOST_ASPECT) <= stated <= MOST_ASPECT:
        return Fraction(1)
    return stated


def _seconds(frame: av.VideoFrame, *, since: int) -> Fraction | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return (frame.pts - since) * frame.time_base


def _duration(frame: av.VideoFrame) -> Fraction:
    return (frame.duration or 0) * (frame.time_base or Fraction(0))
