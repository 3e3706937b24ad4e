"""`moving_heads` without a build: a data set whose frames are drawn when they are first read, and then kept."""

import dataclasses
import difflib
import functools
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Float, UInt8

from data_pipelines.errors import InputError
from data_pipelines.moving_heads.clips import FIRST_CLIP, check_size, clip_identity, clip_motion, clip_scene, picture
from data_pipelines.moving_heads.flow import TrueFlow, true_flow
from data_pipelines.moving_heads.motion import FRAME_RATE
from data_pipelines.records import ClipEntry

KEPT_BYTES = 2**29  # of frames that have been drawn


@dataclasses.dataclass(frozen=True)
class OnTheFly:
    """One split, ready to read; the interface is that of `data_pipelines.datasets.Dataset`."""

    clips: tuple[ClipEntry, ...]
    size: int
    draw: Callable[[int], UInt8[np.ndarray, "size size 3"]]
    follow: Callable[[int, int], TrueFlow]
    turn: Callable[[int], Float[np.ndarray, "3"]]

    def frame(self, number: int) -> UInt8[np.ndarray, "size size 3"]:
        """Frame `number` of the split, not to be written to."""
        return self.draw(number)

    def frames(self, clip: ClipEntry) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The frames of one clip in order, one at a time."""
        return (self.frame(number) for number in range(clip.start, clip.start + clip.length))

    def true_flow(self, source: int, driving: int) -> TrueFlow:
        """The flow from frame `driving` of the split back to frame `source`, exactly.

        Raises:
          InputError: the frames are of different clips.
        """
        return self.follow(source, driving)

    def pose(self, number: int) -> Float[np.ndarray, "3"]:
        """Yaw, pitch and roll of the head in frame `number` of the split, in degrees."""
        return self.turn(number)


def on_the_fly(
    split: str, *, size: int = 64, clips: int = 16, length: int = 16, seed: int = 0, occluded: float = 0.0
) -> OnTheFly:
    """The first `clips` clips of a split, of `length` frames each, at `size` x `size`.

    The same frames as a built `moving_heads` of the same seed, but for JPEG's loss. In a share `occluded` of the clips
    something passes before the face.

    Raises:
      InputError: there is no such split, or a number is out of its range.
    """
    check_size(size)
    first = first_clip(split)
    if clips < 1 or length < 1:
        raise InputError(f"a dataset of {clips} clips of {length} frames is empty: give at least 1 of each")
    entries = tuple(clip_entry(first + number, start=number * length, length=length) for number in range(clips))
    scenes = [clip_scene(seed, first + number, occluded=occluded) for number in range(clips)]
    motions = [clip_motion(seed, first + number, length=length) for number in range(clips)]

    @functools.lru_cache(maxsize=max(1, KEPT_BYTES // (3 * size * size)))
    def draw(number: int) -> UInt8[np.ndarray, "size size 3"]:
        clip, time = divmod(number, length)
        frame = picture(scenes[clip], motions[clip].at(time), size=size)
        frame.flags.writeable = False  # every reader is handed the same array
        return frame

    def follow(source: int, driving: int) -> TrueFlow:
        (clip, before), (other, after) = divmod(source, length), divmod(driving, length)
        if clip != other:
            raise InputError(f"frames {source} and {driving} are of different clips: no flow joins them")
        return true_flow(scenes[clip], motions[clip].at(before), motions[clip].at(after), size=size)

    def turn(number: int) -> Float[np.ndarray, "3"]:
        clip, time = divmod(number, length)
        return motions[clip].pose[time, :3]

    return OnTheFly(clips=entries, size=size, draw=draw, follow=follow, turn=turn)


def first_clip(split: str) -> int:
    """The number of a split's first clip.

    Raises:
      InputError: there is no such split.
    """
    if split not in FIRST_CLIP:
        nearest = difflib.get_close_matches(split, FIRST_CLIP, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise InputError(f"the dataset moving_heads has no split {split}: it has {', '.join(FIRST_CLIP)}{hint}")
    return FIRST_CLIP[split]


def clip_entry(index: int, *, start: int, length: int) -> ClipEntry:
    """The index entry of clip `index`, whose first frame is number `start` of its split."""
    identity = f"h{clip_identity(index):06d}"
    return ClipEntry(f"{identity}_{index}", identity, start, length, Fraction(int(FRAME_RATE)))
