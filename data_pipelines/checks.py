"""What may be wrong with clips before a model is trained on them: every check gives lines of one table."""

import collections
import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int16, UInt8

from data_pipelines.candidates import Candidate
from data_pipelines.errors import InputError
from data_pipelines.sources import MINIMUM_FRAMES

SEEN = 32  # so many pixels along a side suffice to tell what a frame shows
BLACK = 16  # a frame without a brighter value shows nothing
ALIKE = 2  # of 255: what lossy storage may change

Size = tuple[int, int]
Clips = Mapping[str, Sequence[Candidate]]


class Problem(NamedTuple):
    """A line of the table: where, what, and what exactly was found."""

    split: str
    clip: str
    problem: str
    detail: str


class Finding(NamedTuple):
    """What reading a clip showed.

    `clip` has its length now, unless it is damaged. `sizes` counts the (width, height) of its frames. `content` is a
    hash of the first frame, None where that shows nothing by which it could be known again. `problems` are pairs of
    problem and detail.
    """

    clip: Candidate
    sizes: collections.Counter[Size]
    content: bytes | None
    problems: list[tuple[str, str]]


def index_problems(splits: Clips) -> list[Problem]:
    """Empty splits, clips that are known to be too short, and what stands in several splits by name or identity."""
    problems = [Problem(split, "", "empty", "the split has no clips") for split, clips in splits.items() if not clips]
    problems += [
        Problem(split, clip.name, "too short", f"{clip.length} frame, at least {MINIMUM_FRAMES} are needed")
        for split, clips in splits.items()
        for clip in clips
        if clip.length is not None and clip.length < MINIMUM_FRAMES
    ]
    for problem, key in {"same name": lambda clip: clip.name, "same identity": lambda clip: clip.identity}.items():
        for name, found in _shared(splits, key).items():
            counts = ", ".join(f"{len(clips)} in {split}" for split, clips in found.items())
            problems.append(Problem(", ".join(found), name, problem, f"clips: {counts}"))
    return problems


def read_clip(clip: Candidate, *, most: int | None = None) -> Finding:
    """What is wrong within one clip, of which the first `most` frames are read, by default all."""
    sizes: collections.Counter[Size] = collections.Counter()
    looks: list[str] = []
    beginning, content, moves, problems = None, None, False, []
    try:
        for frame in itertools.islice(clip.frames(), most):
            small = _thinned(frame)
            if beginning is None:
                beginning, content = small, hashlib.sha256(frame.tobytes()).digest()
            sizes[frame.shape[1], frame.shape[0]] += 1
            looks.append(_look(small))
            moves = moves or small.shape != beginning.shape or bool(np.abs(small - beginning).max() > ALIKE)
        clip = dataclasses.replace(clip, length=clip.length or len(looks))
        problems += [("colour", f"the file {trouble}") for trouble in dict.fromkeys(clip.file_troubles())]
    except InputError as error:
        problems.append(("damaged", str(error)))
    for look in ("black", "one colour", "grey"):
        if count := looks.count(look):
            problems.append((look, f"{count} of {len(looks)} frames"))
    if len(looks) > 1 and not moves:
        problems.append(("still", f"all {len(looks)} frames are alike"))
    return Finding(clip, sizes, content if looks and looks[0] in ("colour", "grey") else None, problems)


def finding_problems(findings: Mapping[str, Sequence[Finding]]) -> list[Problem]:
    """Everything that is wrong with the clips that were read, in themselves and beside each other."""
    usual = collections.Counter(size for found in findings.values() for finding in found for size in finding.sizes)
    problems = index_problems({split: [finding.clip for finding in found] for split, found in findings.items()})
    for split, found in findings.items():
        for finding in found:
            odd = {size: count for size, count in finding.sizes.items() if size != usual.most_common(1)[0][0]}
            lines = [*finding.problems, *(("mixed sizes", _odd_size(size, odd[size], usual)) for size in odd)]
            problems += [Problem(split, finding.clip.name, *line) for line in lines]
    for alike in _shared(findings, lambda finding: finding.content).values():
        names = "; ".join(f"{split}: {', '.join(item.clip.name for item in found)}" for split, found in alike.items())
        first = next(iter(alike.values()))[0]
        problems.append(Problem(", ".join(alike), first.clip.name, "same content", f"one first frame in {names}"))
    return problems


def _odd_size(size: Size, count: int, usual: collections.Counter[Size]) -> str:
    width, height = usual.most_common(1)[0][0]
    return f"{count} frames of {size[0]} x {size[1]}, most clips have {width} x {height}"


def _shared(splits: Mapping[str, Sequence], key: Callable) -> dict:
    """What several splits share: {key: {split: its items of that key}}, but for the key None."""
    groups: dict = {}
    for split, items in splits.items():
        for item in items:
            groups.setdefault(key(item), {}).setdefault(split, []).append(item)
    return {key: found for key, found in groups.items() if key is not None and len(found) > 1}


def _thinned(frame: UInt8[np.ndarray, "h w 3"]) -> Int16[np.ndarray, "y x 3"]:
    height, width = frame.shape[:2]
    return frame[:: -(-height // SEEN), :: -(-width // SEEN)].astype(np.int16)


def _look(frame: Int16[np.ndarray, "y x 3"]) -> str:
    """What a frame is, as far as its colours go."""
    if frame.max() < BLACK:
        return "black"
    if np.ptp(frame, axis=(0, 1)).max() <= ALIKE:
        return "one colour"
    return "grey" if np.ptp(frame, axis=2).max() <= ALIKE else "colour"
