"""The numbers by which videos are cut into clips; the defaults are the published ones."""

import dataclasses
import math

from data_pipelines.errors import InputError

FRAME_RATE = 25
"""Frames a second of the clips that are cut, and of the frame numbers in VoxCeleb's tracks."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The preprocessing of VoxCeleb for the First Order Motion Model (Siarohin et al., 2019), as a table of values."""

    min_frames: int = 64
    """Shorter clips are left out."""
    max_frames: int = 1024
    """Longer tracks make several clips."""
    min_side: int | None = None
    """Clips whose box has a longer side of fewer pixels are left out; None: the resolution (256 as published)."""
    least_overlap: float = 0.25
    """Intersection over union with a clip's first box below which the next clip begins."""
    enlargement: float = 0.1
    """What a track's box gains at each end of a side, as a share of the side."""
    max_outside: float = 0.0
    """How much of a crop may stand outside the picture, as a share of its side; such a crop is moved into it."""
    track_height: int = 360
    """Of the picture in whose pixels the boxes of VoxCeleb1's tracks are; 0 is the height of the video itself."""
    stretch: bool = False
    """Whether the boxes of a metadata file are stretched to squares, as its publishers do, not extended to squares."""

    def __post_init__(self) -> None:
        lowest = {"min_frames": 2, "max_frames": self.min_frames, "min_side": 1}
        lowest |= dict.fromkeys(("enlargement", "max_outside", "track_height"), 0)
        for name, low in lowest.items():
            value = getattr(self, name)
            if value is not None and not low <= value < math.inf:
                raise InputError(f"--{name} is {value}: give at least {low}")
        if not 0 <= self.least_overlap <= 1:
            raise InputError(f"--least_overlap is {self.least_overlap}: give 0 to 1")
