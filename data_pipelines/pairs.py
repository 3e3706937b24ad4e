"""Which two frames make a training pair, and how the pair is flipped: the published sampling, as pure functions.

First Order Motion Model (Siarohin et al., 2019), as its authors' loader draws them.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from data_pipelines.records import ClipEntry

Pair = dict[str, UInt8[np.ndarray, "h w 3"]]


def by_identity(clips: Sequence[ClipEntry]) -> list[list[ClipEntry]]:
    """The clips grouped by who is seen in them, in order of first appearance."""
    groups: dict[str, list[ClipEntry]] = {}
    for clip in clips:
        groups.setdefault(clip.identity, []).append(clip)
    return list(groups.values())


def draw_frames(clips: Sequence[ClipEntry], rng: np.random.Generator) -> tuple[int, int]:
    """The numbers of a source and a driving frame: one clip of `clips`, two of its frames with replacement, earlier first."""
    clip = clips[rng.integers(len(clips))]
    source, driving = sorted(clip.start + int(offset) for offset in rng.integers(clip.length, size=2))
    return source, driving


def flip(pair: Pair, rng: np.random.Generator, *, time_flip: float, mirror: float) -> Pair:
    """The pair with source and driving exchanged (probability `time_flip`), else with both mirrored (`mirror`), else as is.

    The second is drawn only where the first did not happen, so the published 0.5 and 0.5 exchange half of the pairs
    and mirror a quarter.
    """
    if rng.random() < time_flip:
        return {"source": pair["driving"], "driving": pair["source"]}
    if rng.random() < mirror:
        return {name: np.ascontiguousarray(frame[:, ::-1]) for name, frame in pair.items()}
    return pair
