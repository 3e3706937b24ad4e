"""A folder of clips on its way into a dataset: which sub-folders are splits, and each clip cropped, resized, encoded."""

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from data_pipelines.clips import Clip, list_clips, open_clip
from data_pipelines.errors import InputError
from data_pipelines.images import centre_square, resize
from data_pipelines.records import ClipFrames, encode_frame

MINIMUM_FRAMES = 2


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A clip or a folder that did not go into the dataset, and why."""

    path: Path
    reason: str


def find_splits(source: Path, left_out: list[LeftOut]) -> dict[str, list[Path]]:
    """The clips of every sub-folder of `source` that can be a split: one that holds a clip of at least two frames.

    Other sub-folders (single stills, no clips) are appended to `left_out`.

    Raises:
      InputError: no sub-folder can be a split, or one holds clips that are all damaged.
    """
    splits = {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")):
        paths = list_clips(folder)
        reason = _why_no_split(folder, paths)
        if reason is None:
            splits[folder.name] = paths
        else:
            left_out.append(LeftOut(folder, reason))
    if not splits:
        raise InputError(
            f"The source {source} has no sub-folder with clips of at least {MINIMUM_FRAMES} frames: "
            "it must hold a folder for each split, such as train and test."
        )
    return splits


def _why_no_split(folder: Path, paths: list[Path]) -> str | None:
    damage = None
    for path in paths:
        try:
            if sum(1 for _ in itertools.islice(open_clip(path).frames(), MINIMUM_FRAMES)) == MINIMUM_FRAMES:
                return None
        except InputError as error:
            damage = damage or str(error)
    if damage is not None:
        raise InputError(f"The split {folder.name} has no usable clip among {len(paths)}; the first: {damage}")
    return f"holds no clip of at least {MINIMUM_FRAMES} frames" if paths else "holds no clips"


def identity_of(path: Path) -> str:
    """Who is seen in the clip, by its name: what stands before the first '#', else before the first '_', else all."""
    for separator in "#_":
        before, found, _ = path.stem.partition(separator)
        if found:
            return before
    return path.stem


def encode_clips(paths: list[Path], *, size: int, left_out: list[LeftOut]) -> Iterator[ClipFrames]:
    """The clips as square JPEG frames of side `size`; those that are damaged or too short go to `left_out` instead.

    A clip is encoded to a temporary file before it is handed on, so that it goes in whole or not at all and memory
    holds one frame, however long the clip.
    """
    for path in paths:
        with tempfile.TemporaryFile() as spool:
            try:
                clip = open_clip(path)
                lengths = _spool(clip, spool, size)
            except InputError as error:
                left_out.append(LeftOut(path, str(error)))
                continue
            if len(lengths) < MINIMUM_FRAMES:
                left_out.append(LeftOut(path, f"has {len(lengths)} frame, at least {MINIMUM_FRAMES} are needed"))
                continue
            spool.seek(0)
            yield ClipFrames(path.stem, identity_of(path), clip.rate, (spool.read(length) for length in lengths))


def _spool(clip: Clip, spool: IO[bytes], size: int) -> list[int]:
    return [spool.write(encode_frame(resize(centre_square(frame), size))) for frame in clip.frames()]
