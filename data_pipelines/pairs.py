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
    """The numbers of a source and a driving frame: two frames, the earlier first, of one clip; with replacement."""
    clip = clips[int(rng.integers(len(clips)))]
    source, driving = sorted(clip.start + int(offset) for offset in rng.integers(clip.length, size=2))
    return source, driving


def flip(pair: Pair, rng: np.random.Generator, *, time_flip: float, mirror: float) -> Pair:
    """The pair with source and driving exchanged, else the pair mirrored, else the pair.

    `time_flip` and `mirror` are probabilities, the second among the pairs that were not exchanged: the published 0.5
    and 0.5 exchange half of the pairs and mirror a quarter.
    """
    if rng.random() < time_flip:
        return {"source": pair["driving"], "driving": pair["source"]}
    if rng.random() < mirror:
        return {name: np.ascontiguousarray(frame[:, ::-1]) for name, frame in pair.items()}
    return pair
