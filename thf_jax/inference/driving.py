"""What users name as SOURCE and DRIVING: files of many kinds, opened alike."""

import dataclasses
import difflib
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from data_pipelines.clips import VIDEO_SUFFIXES, open_clip
from data_pipelines.images import MINIMUM_SIDE, read_image
from thf_jax.errors import InputError
from thf_jax.inference.assets import motion_names, motion_path
from thf_jax.inference.motion_files import SUFFIX, MotionFile, read_motion
from thf_jax.interop.liveportrait_templates import SUFFIX as TEMPLATE_SUFFIX
from thf_jax.interop.liveportrait_templates import read_template

Picture = UInt8[np.ndarray, "h w 3"]

MOVING_SUFFIXES = VIDEO_SUFFIXES | {".gif"}
UNTIMED_RATE = Fraction(25)
"""Frames a second of a clip that has no rate, such as a folder of frames."""


@dataclasses.dataclass(frozen=True)
class Driving:
    """What drives: the pictures of a clip, or the motions of a motion file."""

    path: Path
    rate: Fraction
    length: int | None
    """The number of frames, None where only reading them would tell."""
    frames: Callable[[], Iterator[Any]]
    """Starts a new pass over pictures [h w 3] or over motions."""
    motion: MotionFile | None
    """None where the frames are pictures."""
    absolute: bool = False
    """Whether the motions are made for one source, to be taken as they are."""
    voice: Path | None = None
    """The sound that the motions follow; None where they follow none."""

    @property
    def sound(self) -> Path | None:
        """The file that may have sound to take along."""
        return self.path if self.motion is None and self.path.is_file() else self.voice


def open_driving(name: str | os.PathLike[str]) -> Driving:
    """The clip, motion file, LivePortrait's motion template or shipped motion of that name.

    Of a clip only headers and times are read. Where its times are uneven, its frames are repeated and left out so that
    they keep step with its sound, see `open_clip`.

    Raises:
        InputError: there is nothing of that name, or it is neither a clip nor a motion file. A clip that breaks off
            raises while its pictures are drawn.
    """
    path = Path(name)
    if not path.exists() and os.fspath(name) in motion_names():
        path = motion_path(os.fspath(name))
    if path.suffix.lower() == SUFFIX:
        file = read_motion(path)
        return Driving(path, file.rate, len(file), lambda: iter(file), file)
    if path.suffix.lower() == TEMPLATE_SUFFIX and path.is_file():
        file = read_template(path)
        return Driving(path, file.rate, len(file), lambda: iter(file), file)
    if not path.exists():
        known = motion_names()
        near = difflib.get_close_matches(path.name, known, n=1)
        hint = f"the nearest is {near[0]!r}" if near else f"shipped motions are: {', '.join(known) or 'none'}"
        raise InputError(f"there is no clip {path}; {hint}")
    clip = open_clip(path, steady=True)
    return Driving(path, clip.rate or UNTIMED_RATE, clip.length, clip.frames, None)


def read_source(path: str | os.PathLike[str]) -> Picture:
    """The picture at `path`; of a video, a gif or a folder of frames the first one.

    Raises:
        InputError: there is no such file, or it is no picture of at least 16 x 16 pixels.
    """
    path = Path(path)
    if not path.is_dir() and path.suffix.lower() not in MOVING_SUFFIXES:
        return read_image(path)
    picture = next(open_clip(path).frames(), None)
    if picture is None:
        raise InputError(f"{path} has no frame to take as the source")
    if min(picture.shape[:2]) < MINIMUM_SIDE:
        height, width = picture.shape[:2]
        raise InputError(f"{path} is {width} x {height}: each side must be at least {MINIMUM_SIDE} px")
    return picture
