"""Which frames make a training example: the published sampling, as pure functions of a clip's numbers.

The pair and its flips are those of the First Order Motion Model (Siarohin et al., 2019), as its authors' loader draws
them. Several sources, and a stranger beside them, are what X2Face (Wiles et al., 2018) trains with.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_pipelines.records import ClipEntry


class Selection(NamedTuple):
    """One training example: its frames by their numbers within the split, and whether all of them are mirrored.

    Sources and driving frame are of one clip; the `stranger`, where there is one, shows another identity.
    """

    sources: tuple[int, ...]
    driving: int
    mirrored: bool
    stranger: int | None = None


def by_identity(clips: Sequence[ClipEntry]) -> list[list[ClipEntry]]:
    """The clips grouped by who is seen in them, in order of first appearance."""
    groups: dict[str, list[ClipEntry]] = {}
    for clip in clips:
        groups.setdefault(clip.identity, []).append(clip)
    return list(groups.values())


def select_pair(
    clips: Sequence[ClipEntry], rng: np.random.Generator, *, sources: int, time_flip: float, mirror: float
) -> Selection:
    """Sources and a driving frame of one of the clips, perhaps flipped.

    `sources + 1` frames are drawn evenly and with replacement. The latest of them is the driving frame, the others are
    the sources in order of time. Then the driving frame and one of the sources, whichever, are exchanged; else all
    are mirrored; else nothing is done.

    Args:
        clips: one of which is drawn.
        rng: of all draws.
        sources: their number.
        time_flip: probability of the exchange; n / (n + 1) for n sources makes each of the frames the driving one
            equally often, as the published 0.5 does for one source.
        mirror: probability of mirroring what was not exchanged.
    """
    clip = clips[int(rng.integers(len(clips)))]
    *numbers, driving = sorted(clip.start + int(offset) for offset in rng.integers(clip.length, size=sources + 1))
    if rng.random() < time_flip:
        place = int(rng.integers(sources))
        numbers[place], driving = driving, numbers[place]
        return Selection(tuple(numbers), driving, mirrored=False)
    return Selection(tuple(numbers), driving, mirrored=rng.random() < mirror)


def select_stranger(identities: Sequence[Sequence[ClipEntry]], own: int, rng: np.random.Generator) -> int:
    """The number of a frame of an identity other than number `own`: identity, clip and frame each drawn evenly."""
    other = int(rng.integers(len(identities) - 1))
    clips = identities[other if other < own else other + 1]
    clip = clips[int(rng.integers(len(clips)))]
    return clip.start + int(rng.integers(clip.length))
