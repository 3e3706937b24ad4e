"""Opening what can be read: a built dataset, or a folder of clips as it lies on disk."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from data_pipelines.errors import InputError
from data_pipelines.folders import open_folder, split_folders
from data_pipelines.moving_heads.on_the_fly import on_the_fly
from data_pipelines.records import ClipEntry, decode_frame, read_index

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


@dataclasses.dataclass(frozen=True)
class RecordDataset:
    """A split of a built dataset: random access is cheap, and many threads may read at once."""

    clips: tuple[ClipEntry, ...]
    size: int
    records: Sequence[Any]

    def frame(self, number: int) -> UInt8[np.ndarray, "size size 3"]:
        """Frame `number` of the split."""
        frame = decode_frame(self.records[number]["image"])
        if frame.shape != (self.size, self.size, 3):
            raise InputError(
                f"frame {number} is {frame.shape[1]} x {frame.shape[0]}, the first is {self.size} x {self.size}: "
                "build the dataset at one resolution"
            )
        return frame

    def frames(self, clip: ClipEntry) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The frames of one clip in order, one at a time."""
        return (self.frame(number) for number in range(clip.start, clip.start + clip.length))


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
    if str(location) == DRAWN and not (Path(data_dir or ".").expanduser() / DRAWN).is_dir():
        return on_the_fly(split, size=64 if size is None else size)
    folder = _locate(location, data_dir)
    built = [] if (folder / split).is_dir() else _built_under(folder)
    if len(built) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in built)
        raise InputError(f"the folder {folder} holds several datasets: name one of {names}")
    if built:
        return _open_built(built[0], split, size)
    if not split_folders(folder):
        raise InputError(f"the folder {folder} holds neither a built dataset nor a folder of clips for each split")
    _check_split(split, split_folders(folder), folder)
    return open_folder(folder / split, size=size)


def _locate(location: str | Path, data_dir: str | Path | None) -> Path:
    if Path(location).expanduser().is_dir():
        return Path(location).expanduser()
    if data_dir is None:
        raise InputError(f"there is no folder {location}: give a dataset's folder, or its name together with data_dir")
    root = Path(data_dir).expanduser()
    if (root / location).is_dir():
        return root / location
    known = ", ".join(str(path.relative_to(root).parent) for path in _built_under(root)) or "none"
    raise InputError(f"there is no dataset {location} in {root}: built there: {known}")


def _built_under(folder: Path) -> list[Path]:
    """The version folders of built datasets: `folder` itself, or [[NAME/]CONFIG/]VERSION below it."""
    if (folder / "dataset_info.json").is_file():
        return [folder]
    found = (path.parent for depth in range(3) for path in folder.glob("*/" * depth + "*.*.*/dataset_info.json"))
    return sorted(path for path in found if re.fullmatch(r"\d+\.\d+\.\d+", path.name))


def _open_built(folder: Path, split: str, size: int | None) -> RecordDataset:
    builder = tfds.builder_from_directory(str(folder))
    _check_split(split, list(builder.info.splits), folder)
    if "clips" not in (builder.info.metadata or {}):
        raise InputError(f"the dataset {folder} has no index of clips: build it with python -m data_pipelines.build")
    source = builder.as_data_source(split=split)  # pyright: ignore[reportCallIssue] (hidden by TFDS's decorator)
    height, width, _ = decode_frame(source[0]["image"]).shape
    if size not in (None, height):
        raise InputError(f"the dataset {folder} has frames of {height} x {width}, not {size}: build it at {size}")
    return RecordDataset(clips=read_index(builder, split), size=height, records=source)


def _check_split(split: str, known: Iterable[str], folder: Path) -> None:
    known = sorted(known)
    if split not in known:
        nearest = difflib.get_close_matches(split, known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise InputError(f"the dataset {folder} has no split {split!r}, it has {', '.join(known)}{hint}")
