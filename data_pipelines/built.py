"""A built dataset: where it lies, its records, and a split of it ready to read."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from data_pipelines.errors import InputError
from data_pipelines.records import ClipEntry, decode_frame, metadata_of, read_index


@dataclasses.dataclass(frozen=True)
class RecordDataset:
    """A split of a built dataset: random access is cheap, and many threads may read at once.

    `columns` names what the columns of its records' labels are, such as yaw, pitch and roll in `pose`.
    """

    clips: tuple[ClipEntry, ...]
    size: int
    records: Sequence[Any]
    columns: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

    def frame(self, number: int) -> UInt8[np.ndarray, "size size 3"]:
        """Frame `number` of the split.

        Raises:
            InputError: its record is damaged, or the frame has another size.
        """
        frame = read_record(self.records, number)
        if frame.shape != (self.size, self.size, 3):
            raise InputError(
                f"frame {number} is {frame.shape[1]} x {frame.shape[0]}, the first is {self.size} x {self.size}: "
                "build the dataset at one resolution"
            )
        return frame

    def frames(self, clip: ClipEntry) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The frames of one clip in order, one at a time."""
        return (self.frame(number) for number in range(clip.start, clip.start + clip.length))


def open_built(builder: tfds.core.DatasetBuilder, split: str, *, size: int | None) -> RecordDataset:
    """A split that the dataset has; where `size` is given, its frames must be of that side.

    Raises:
        InputError: the split is empty, its first frame is damaged, or its frames have another size.
    """
    clips, records = read_index(builder, split), open_records(builder, split)
    if not clips:
        raise InputError(f"the split {split} of {builder.data_dir} is empty: build the dataset anew")
    height, width, _ = read_record(records, 0).shape
    if size not in (None, height):
        raise InputError(
            f"the dataset {builder.data_dir} has frames of {height} x {width}, not {size}: build it at {size}"
        )
    return RecordDataset(clips=clips, size=height, records=records, columns=metadata_of(builder).get("columns", {}))


def open_builder(folder: Path) -> tfds.core.DatasetBuilder:
    """The builder of the dataset in a version folder.

    Raises:
        InputError: the dataset has no index of clips.
    """
    builder = tfds.builder_from_directory(str(folder))
    if "clips" not in (builder.info.metadata or {}):
        raise InputError(f"the dataset {folder} has no index of clips: build it with python -m data_pipelines.build")
    return builder


def open_records(builder: tfds.core.DatasetBuilder, split: str) -> Sequence[Any]:
    """The records of a split, for `read_record`.

    Raises:
        InputError: a file is missing or cut short.
    """
    try:
        return builder.as_data_source(split=split)  # pyright: ignore[reportCallIssue] (hidden by TFDS's decorator)
    except RuntimeError as error:
        raise InputError(_damage(f"the split {split} of {builder.data_dir}", error)) from error


def read_record(records: Sequence[Any], number: int) -> UInt8[np.ndarray, "h w 3"]:
    """The frame of record `number`.

    Raises:
        InputError: the record, or its picture, is damaged.
    """
    try:
        return decode_frame(records[number]["image"])
    except (RuntimeError, ValueError) as error:  # of array_record, which opens files late, and of simplejpeg
        raise InputError(_damage(f"record {number}", error)) from error


def _damage(what: str, error: Exception) -> str:
    return f"{what} is damaged ({str(error).partition(chr(10))[0]}): build the dataset anew"


def built_dataset(folder: Path) -> Path | None:
    """The version folder of the one built dataset in or below `folder`; None where nothing is built.

    Raises:
        InputError: there are several.
    """
    built = built_under(folder)
    if len(built) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in built)
        raise InputError(f"the folder {folder} holds several datasets: name one of {names}")
    return built[0] if built else None


def built_under(folder: Path) -> list[Path]:
    """The version folders of built datasets: `folder` itself, or [[NAME/]CONFIG/]VERSION below it."""
    if (folder / "dataset_info.json").is_file():
        return [folder]
    found = (path.parent for depth in range(3) for path in folder.glob("*/" * depth + "*.*.*/dataset_info.json"))
    return sorted(path for path in found if re.fullmatch(r"\d+\.\d+\.\d+", path.name))
