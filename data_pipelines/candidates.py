"""Clips that may have something wrong with them: all at a location, each opened when its turn comes and not before."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from data_pipelines.built import built_dataset, open_builder, open_records, read_record
from data_pipelines.clips import clip_name, list_clips, open_clip
from data_pipelines.datasets import check_split, is_drawn, locate
from data_pipelines.errors import InputError
from data_pipelines.images import IMAGE_SUFFIXES, ambiguity, opened
from data_pipelines.moving_heads.clips import FIRST_CLIP
from data_pipelines.moving_heads.on_the_fly import on_the_fly
from data_pipelines.records import ClipEntry, read_index
from data_pipelines.sources import identity_of

Frames = Iterator[UInt8[np.ndarray, "h w 3"]]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A clip that may be damaged.

    `length` is None where only reading would tell. `frames()` are its frames, one at a time, and `file_troubles()` says
    of files that are stills what keeps them from being 8-bit RGB. Both raise `InputError` where there is damage.
    """

    name: str
    identity: str
    length: int | None
    frames: Callable[[], Frames]
    file_troubles: Callable[[], list[str]] = list


def find_candidates(
    location: str | Path,
    *,
    data_dir: str | Path | None = None,
    splits: Sequence[str] | None = None,
    beside: str | None = None,
) -> dict[str, list[Candidate]]:
    """The clips of every split, or of the splits that are named, at a location that `open_dataset` could open.

    A split may be empty: any folder in a folder of clips is one.

    Args:
        location, data_dir: as in `open_dataset`.
        splits: those that are wanted; all by default.
        beside: a split that `open_dataset` opens here. It tells, as it does there, what is meant where a folder has
            both folders of clips and a built dataset.

    Raises:
        InputError: there is no dataset and no folder with clips, more than one dataset, or no such split.
    """
    if is_drawn(location, data_dir):
        found = {split: _drawn(split) for split in FIRST_CLIP}
    else:
        folder = locate(location, data_dir)
        built = None if beside and (folder / beside).is_dir() else built_dataset(folder)
        found = _recorded(open_builder(built)) if built else _on_disk(folder)
    for split in splits or ():
        check_split(split, found, Path(location))
    return {split: found[split] for split in splits or sorted(found)}


def _drawn(split: str) -> list[Candidate]:
    dataset = on_the_fly(split)
    return [
        Candidate(clip.name, clip.identity, clip.length, functools.partial(dataset.frames, clip))
        for clip in dataset.clips
    ]


def _recorded(builder: tfds.core.DatasetBuilder) -> dict[str, list[Candidate]]:
    return {split: _recorded_split(builder, split) for split in builder.info.splits}


def _recorded_split(builder: tfds.core.DatasetBuilder, split: str) -> list[Candidate]:
    records = functools.cache(lambda: open_records(builder, split))

    def frames(clip: ClipEntry) -> Frames:
        return (read_record(records(), number) for number in range(clip.start, clip.start + clip.length))

    return [
        Candidate(clip.name, clip.identity, clip.length, functools.partial(frames, clip))
        for clip in read_index(builder, split)
    ]


def _on_disk(folder: Path) -> dict[str, list[Candidate]]:
    folders = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = {path.name: [_file(clip) for clip in list_clips(path)] for path in folders}
    if not any(found.values()):
        raise InputError(f"the folder {folder} holds neither a built dataset nor a folder of clips for each split")
    return found


def _file(path: Path) -> Candidate:
    return Candidate(
        clip_name(path),
        identity_of(path),
        None,
        lambda: open_clip(path).frames(),
        functools.partial(_file_troubles, path),
    )


def _file_troubles(path: Path) -> list[str]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    found = []
    for file in files:
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."):
            with opened(file) as image:
                found.append(ambiguity(image, file))
    return [what for what in found if what]
