"""How every dataset of this package is stored: one JPEG frame a record, and an index of the clips beside the records.

A record is `{'image': JPEG bytes, 'clip': number of its clip, 'frame': number of the frame in the clip}`, and beside
these the labels of the frame, in datasets that have some: `columns` in the metadata says what their columns are.
Records stand in clip order, so that the clip of index entry `c` owns records `c.start` to `c.start + c.length - 1` of
its split. The index lives in the dataset's own metadata (`metadata.json`), which `tfds.builder_from_directory`
restores.
"""

import dataclasses
import functools
import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import tensorflow_datasets as tfds
from etils import epath
from jaxtyping import UInt8
from tensorflow_datasets.core.writer import ExampleWriter
from tensorflow_datasets.proto import tf_example_pb2

JPEG_QUALITY = 95
FILE_FORMAT = "array_record"
CHECKSUMS = "SHA256SUMS"
# About 0.6 GB of typical clips at 256 px.
CLIPS_PER_SHARD = 64

Example = tuple[int, dict[str, Any]]
Shard = Callable[[], Iterator[Example]]


@dataclasses.dataclass(frozen=True)
class ClipEntry:
    """One clip of a split.

    `start` is the number of its first record within the split, `length` its number of frames, `rate` its frames a
    second or None where the clip does not say.
    """

    name: str
    identity: str
    start: int
    length: int
    rate: Fraction | None = None


@dataclasses.dataclass(frozen=True)
class ClipFrames:
    """A clip on its way into a dataset.

    `frames` are the columns of each frame, read once and in order: 'image', its JPEG bytes (`encode_frame`), and
    whatever labels the dataset has.
    """

    name: str
    identity: str
    rate: Fraction | None
    frames: Iterable[Mapping[str, Any]]


def features() -> tfds.features.FeaturesDict:
    """The features of a record; the image stays encoded, because decoding is the loader's work."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Tensor(shape=(), dtype=np.object_),
            "clip": tfds.features.Scalar(dtype=np.int32),
            "frame": tfds.features.Scalar(dtype=np.int32),
        }
    )


def encode_frame(frame: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """The frame as JPEG bytes, with colour at full resolution (4:4:4)."""
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(frame), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"
    )


def decode_frame(jpeg: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """The RGB frame that `encode_frame` was given, but for JPEG's loss."""
    return simplejpeg.decode_jpeg(jpeg, colorspace="RGB")


def shards(clips: Iterable[ClipFrames], clip_count: int, entries: list[dict[str, Any]]) -> list[Shard]:
    """The shards of a split for `tfds.core.ShardBasedBuilder._shard_iterators_per_split`, to be drawn in order.

    Every shard takes the next `CLIPS_PER_SHARD` clips of the one stream, writes them as they come, and appends their
    index entries to `entries`. A record is emptied when the next one is drawn. `GeneratorBasedBuilder` would not do: it
    holds a split in memory until it is complete, and needs TensorFlow as soon as that is more than 1 GB.

    Args:
        clips: the clips of the split, read lazily.
        clip_count: an upper bound of their number.
        entries: where the index goes: `new_index(builder, split)`.
    """
    stream = iter(clips)
    limits = [CLIPS_PER_SHARD] * (math.ceil(clip_count / CLIPS_PER_SHARD) - 1)
    return [functools.partial(_shard, stream, limit, entries) for limit in [*limits, None]]


def _shard(stream: Iterator[ClipFrames], limit: int | None, entries: list[dict[str, Any]]) -> Iterator[Example]:
    start = entries[-1]["start"] + entries[-1]["length"] if entries else 0
    for clip in itertools.islice(stream, limit):
        length = 0
        for columns in clip.frames:
            record = {**columns, "clip": len(entries), "frame": length}
            yield start + length, record
            # TFDS holds on to all records of a shard in order to count them: what it has written must leave the memory.
            record.clear()
            length += 1
        entries.append(_to_json(ClipEntry(clip.name, clip.identity, start, length, clip.rate)))
        start += length


class RepeatableWriter(ExampleWriter):
    """Writes records whose bytes follow from their values: what `Builder._example_writer` is to return.

    A record is a protobuf map, and protobuf writes the entries of a map in an order that each process draws anew.
    """

    def write(self, path: epath.PathLike, examples: Iterable[tuple[Any, bytes]]) -> Any:
        message = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue] (made when it is imported)
        sorted_examples = (
            (key, message.FromString(record).SerializeToString(deterministic=True)) for key, record in examples
        )
        return super().write(path, sorted_examples)


def new_index(builder: tfds.core.DatasetBuilder, split: str) -> list[dict[str, Any]]:
    """An empty list for the index of `split`, already hung into the metadata that TFDS saves when the build is done."""
    entries: list[dict[str, Any]] = []
    metadata_of(builder).setdefault("clips", {})[split] = entries
    return entries


def read_index(builder: tfds.core.DatasetBuilder, split: str) -> tuple[ClipEntry, ...]:
    """The clips of `split` in record order, from the metadata of a built dataset."""
    return tuple(_from_json(entry) for entry in metadata_of(builder)["clips"][split])


def write_checksums(folder: Path) -> None:
    """Writes SHA256SUMS into the folder of a dataset: its shards, as `sha256sum --check SHA256SUMS` reads it."""
    lines = []
    for shard in sorted(folder.glob("*-of-*")):
        with shard.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {shard.name}\n")
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def metadata_of(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """The metadata that TFDS saves beside the records, as values of JSON."""
    metadata = builder.info.metadata
    if not isinstance(metadata, dict):
        raise TypeError(f"the builder {builder.name} needs metadata=tfds.core.MetadataDict() in its DatasetInfo")
    return metadata


def _to_json(entry: ClipEntry) -> dict[str, Any]:
    return dataclasses.asdict(entry) | {"rate": None if entry.rate is None else str(entry.rate)}


def _from_json(entry: Mapping[str, Any]) -> ClipEntry:
    rate = None if entry["rate"] is None else Fraction(entry["rate"])
    return ClipEntry(entry["name"], entry["identity"], entry["start"], entry["length"], rate)
