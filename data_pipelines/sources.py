"""A folder of clips on its way into a dataset: its splits, and who is seen in a clip."""

import itertools
import os
import re
from pathlib import Path
from typing import TypedDict

from data_pipelines.clips import clip_name, list_clips, open_clip
from data_pipelines.errors import InputError

MINIMUM_FRAMES = 2


class LeftOut(TypedDict):
    """A clip or folder of the source that is not in the dataset: its path within the source, and why. Goes to JSON."""

    path: str
    reason: str


def find_splits(source: str | os.PathLike[str], left_out: list[LeftOut]) -> dict[str, list[Path]]:
    """The clips of every sub-folder of `source` that is a split, that is, holds a clip of at least two frames.

    Other sub-folders (single stills, no clips) are appended to `left_out`.

    Raises:
        InputError: no sub-folder is a split, one holds damaged clips alone, or TFDS cannot have a split of its name.
    """
    source = Path(source)
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: give a folder that holds a folder of clips for each split")
    splits = {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")):
        paths = list_clips(folder)
        if _has_usable_clip(folder, paths):
            check_split_name(folder.name)
            splits[folder.name] = paths
        else:
            left_out.append(
                LeftOut(path=folder.name, reason=f"the folder holds no clip of {MINIMUM_FRAMES} or more frames")
            )
    if not splits:
        raise InputError(
            f"the source {source} has no folder with clips of at least {MINIMUM_FRAMES} frames: "
            "it must hold one for each split, such as train and test, or one of whole videos that is named videos"
        )
    return splits


def identity_of(path: Path) -> str:
    """Who is seen in the clip, by its name: what stands before the first '#', else before the first '_', else all."""
    name = clip_name(path)
    return name.partition("#")[0] if "#" in name else name.partition("_")[0]


def _has_usable_clip(folder: Path, paths: list[Path]) -> bool:
    """Whether a clip has the frames; only the beginnings are read.

    Raises:
        InputError: none has, and one is damaged: that folder was surely meant to be a split.
    """
    damage = None
    for path in paths:
        try:
            if sum(1 for _ in itertools.islice(open_clip(path).frames(), MINIMUM_FRAMES)) == MINIMUM_FRAMES:
                return True
        except InputError as error:
            damage = damage or error
    if damage:
        raise InputError(f"the split {folder.name} has no usable clip among {len(paths)}: {damage}")
    return False


def check_split_name(name: str) -> None:
    """Raises InputError where TFDS cannot have a split of that name."""
    if not re.fullmatch(r"\w+", name) or name.lower() == "all":
        raise InputError(f"{name} cannot be a split: its name must be letters, digits and _ alone, and not 'all'")
