"""Opening what can be read: a built dataset, or a folder of clips as it lies on disk."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from data_pipelines.built import built_dataset, built_under, open_builder, open_built
from data_pipelines.errors import InputError
from data_pipelines.folders import open_folder, split_folders
from data_pipelines.moving_heads.clips import FIRST_CLIP
from data_pipelines.moving_heads.on_the_fly import on_the_fly
from data_pipelines.records import ClipEntry

DRAWN = "moving_heads"
"""The location that needs no files."""


@runtime_checkable
class Dataset(Protocol):
    """One split, ready to read: frames are numbered through all clips, in the clips' order."""

    @property
    def clips(self) -> tuple[ClipEntry, ...]:
        """The clips, each with the number of its first frame and its length."""
        ...

    @property
    def size(self) -> int:
        """The side of the square frames in pixels."""
        ...

    def frame(self, number: int) -> UInt8[np.ndarray, "size size 3"]:
        """Frame `number` of the split."""
        ...

    def frames(self, clip: ClipEntry) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The frames of one clip in order, one at a time."""
        ...


def open_dataset(
    location: str | Path, split: str, *, data_dir: str | Path | None = None, size: int | None = None
) -> Dataset:
    """The split of the dataset at `location`.

    Args:
        location: the folder of a built dataset or one above it, a name such as 'voxceleb/64' within `data_dir`, a
          folder of clips with a sub-folder for each split, or 'moving_heads' alone, which draws heads as they are read
          where nothing of that name is built.
        split: the name of the split.
        data_dir: where built datasets lie, for a name.
        size: the side to which the frames of a folder of clips are cropped and resized; None takes them as they
          are (64 for drawn heads).

    Raises:
        InputError: there is no dataset, more than one, no such split, or `size` is not that of a built dataset.
    """
    if is_drawn(location, data_dir):
        return on_the_fly(split, size=64 if size is None else size)
    folder = locate(location, data_dir)
    built = None if (folder / split).is_dir() else built_dataset(folder)
    if built:
        builder = open_builder(built)
        check_split(split, list(builder.info.splits), built)
        return open_built(builder, split, size=size)
    if not split_folders(folder):
        raise InputError(f"the folder {folder} holds neither a built dataset nor a folder of clips for each split")
    check_split(split, split_folders(folder), folder)
    return open_folder(folder / split, size=size)


def split_names(location: str | Path, *, data_dir: str | Path | None = None) -> list[str]:
    """The splits of the dataset at a location, in the order of their names.

    Raises:
        InputError: there is no dataset, or more than one.
    """
    if is_drawn(location, data_dir):
        return sorted(FIRST_CLIP)
    folder = locate(location, data_dir)
    built = built_dataset(folder)
    names = sorted(open_builder(built).info.splits) if built else split_folders(folder)
    if not names:
        raise InputError(f"the folder {folder} holds neither a built dataset nor a folder of clips for each split")
    return names


def is_drawn(location: str | Path, data_dir: str | Path | None) -> bool:
    """Whether the location means heads that are drawn as they are read."""
    return str(location) == DRAWN and not (Path(data_dir or ".").expanduser() / DRAWN).is_dir()


def locate(location: str | Path, data_dir: str | Path | None) -> Path:
    """The folder that `open_dataset` means by a location.

    Raises:
        InputError: there is none.
    """
    if Path(location).expanduser().is_dir():
        return Path(location).expanduser()
    if data_dir is None:
        raise InputError(f"there is no folder {location}: give a dataset's folder, or its name together with data_dir")
    root = Path(data_dir).expanduser()
    if (root / location).is_dir():
        return root / location
    known = ", ".join(str(path.relative_to(root).parent) for path in built_under(root)) or "none"
    raise InputError(f"there is no dataset {location} in {root}: built there: {known}")


def check_split(split: str, known: Iterable[str], folder: Path) -> None:
    """Raises InputError for a split that is not among those that `folder` has."""
    known = sorted(known)
    if split not in known:
        nearest = difflib.get_close_matches(split, known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise InputError(f"the dataset {folder} has no split {split!r}, it has {', '.join(known)}{hint}")
