"""Pictures to video files: mp4, mov, webm, gif, or a folder of png frames."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from thf_jax.errors import InputError
from thf_jax.inference.container import FORMS, VideoFile
from thf_jax.inference.outputs import appearing, check_output

Picture = UInt8[np.ndarray, "h w 3"]

SUFFIXES = (*FORMS, "")
"""The ends of the names that a video can have; the empty one is a folder of frames."""
FRAME_NAME = "{:06d}.png"
SLOWEST, FASTEST = Fraction(1, 100), Fraction(1000)
"""Frames a second that encoders and players can count with."""
GIF_FASTEST = 50
"""Frames a second. Browsers slow a gif down whose frames are shorter than two hundredths of a second."""


def check_video_output(path: str | os.PathLike[str], rate: Fraction) -> Path:
    """The path, once it is known that a video of this rate can be written there. Asked before any work is done.

    Raises:
        InputError: see `check_output`; or the rate is out of bounds, or more than a gif can play.
    """
    target = check_output(path, SUFFIXES)
    if not SLOWEST <= rate <= FASTEST:
        raise InputError(
            f"a video has {float(SLOWEST):g} to {float(FASTEST):,.0f} frames a second, not {float(rate):g}"
        )
    if target.suffix.lower() == ".gif" and rate > GIF_FASTEST:
        raise InputError(f"a gif plays at most {GIF_FASTEST} frames a second, not {float(rate):.4g}; write an .mp4")
    return target


def to_uint8(image: Float[np.ndarray, "*b h w 3"]) -> UInt8[np.ndarray, "*b h w 3"]:
    """The image in [0, 1] as bytes, rounded; what lies outside is clipped."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[Picture],
    rate: Fraction | float,
    *,
    sound_from: str | os.PathLike[str] | None = None,
) -> int:
    """The number of frames written. See `open_video`."""
    count = 0
    with open_video(path, rate, sound_from=sound_from) as write:
        for frame in frames:
            write(frame)
            count += 1
    return count


@contextlib.contextmanager
def open_video(
    path: str | os.PathLike[str], rate: Fraction | float, *, sound_from: str | os.PathLike[str] | None = None
) -> Iterator[Callable[[Picture], None]]:
    """A function that appends one frame. The file appears whole when the block ends, or not at all.

    Args:
        path: the suffix chooses the kind, see `SUFFIXES`.
        rate: frames a second, kept exactly (30000/1001 stays 30000/1001); a gif rounds each frame's time to 1/100 s.
        sound_from: a clip whose sound is taken along as far as there are pictures: copied where the container can hold
            it, else encoded anew. A gif and a folder have no sound.

    Raises:
        InputError: the path cannot be written, or the block ended without a frame.
    """
    rate = Fraction(rate).limit_denominator(100_000)
    target = check_video_output(path, rate)
    with appearing(target) as partial, contextlib.ExitStack() as closing:
        output = VideoFile(partial, rate, sound_from, closing) if target.suffix else _Folder(partial)
        yield output.write
        output.finish()
        if not output.count:
            raise InputError(f"there was no frame to write to {target}")


class _Folder:
    """A folder of numbered png files, written as a `VideoFile` is."""

    def __init__(self, path: Path):
        path.mkdir()
        self.path, self.count = path, 0

    def write(self, frame: Picture) -> None:
        Image.fromarray(frame).save(self.path / FRAME_NAME.format(self.count))
        self.count += 1

    def finish(self) -> None:
        """Nothing is held back."""
