"""The metadata file of the First Order Motion Model's preprocessing: a clip a row, with the box to cut out.

The columns, in any order: `video_id`, `start` and `end` (frames at `fps` a second; `end` is the first that is not in
the clip), `bbox` (`left-top-right-bottom` in pixels of a picture of `width` x `height`), `person_id`, which older files
have behind a # in `video_id`, and `partition`, the split; without it the official lists decide. The boxes are already
enlarged, but not square.
"""

import csv
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from data_pipelines.errors import InputError
from data_pipelines.sources import LeftOut
from data_pipelines.voxceleb.boxes import Box
from data_pipelines.voxceleb.cuts import Cut
from data_pipelines.voxceleb.lists import official_split
from data_pipelines.voxceleb.recipe import FRAME_RATE, Recipe

REQUIRED = ("video_id", "start", "end", "bbox", "fps", "width", "height")
MIN_INSIDE = 0.5
"""Share of a box that must lie within the picture: of a smaller one the crop would show something else."""


class Row(NamedTuple):
    """A clip of the metadata file; `start` and `end` count frames at `rate`."""

    identity: str
    video: str
    split: str
    start: int
    end: int
    rate: Fraction
    box: Box
    picture: tuple[float, float]

    @property
    def place(self) -> str:
        """How the report names the clip."""
        return f"{self.identity}/{self.video}/{self.start}-{self.end}"


def read_metadata(path: Path, left_out: list[LeftOut]) -> list[Row]:
    """The rows of the file; those that say no clip go to `left_out`.

    Raises:
        InputError: the file cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [*(reader.fieldnames or [])]
            lacking = [name for name in REQUIRED if name not in columns]
            if lacking:
                raise InputError(
                    f"the metadata {path} has no column {lacking[0]}, only {', '.join(columns)}: "
                    f"give a csv file with {', '.join(REQUIRED)}, person_id and partition"
                )
            return [*_rows(reader, left_out)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the metadata {path} cannot be read as a csv file ({error})") from error


def _rows(reader: "csv.DictReader[str]", left_out: list[LeftOut]) -> Iterator[Row]:
    for record in reader:
        try:
            yield _row(record)
        except (ValueError, ZeroDivisionError, AttributeError, TypeError):
            place = f"{record.get('video_id') or 'metadata'} in line {reader.line_num}"
            left_out.append(LeftOut(path=place, reason="the line does not say frames, box, rate, picture and identity"))


def _row(record: dict[str, str]) -> Row:
    """The clip of one line; a field that is no number is a ValueError, one that is not there an AttributeError."""
    video, _, person = record["video_id"].strip().partition("#")
    identity = (record.get("person_id") or person).strip()
    left, top, right, bottom = (float(edge) for edge in record["bbox"].split("-"))
    start, end, rate = int(record["start"]), int(record["end"]), Fraction(record["fps"].strip())
    picture = float(record["width"]), float(record["height"])
    sized = all(0 < side < math.inf for side in picture)
    if not (identity and video and sized and 0 <= start < end and rate > 0):
        raise ValueError
    split = (record.get("partition") or "").strip() or official_split(identity)
    return Row(identity, video, split, start, end, rate, Box(left, top, right, bottom), picture)


def row_cut(row: Row, recipe: Recipe, *, size: int) -> Cut:
    """The part of its video that a row names.

    Raises:
        InputError: the box is no face, or the clip is too short.
    """
    first, stop = (round(frame / row.rate * FRAME_RATE) for frame in (row.start, row.end))
    if not row.box.is_face():
        raise InputError("the box encloses nothing")
    if stop - first < recipe.min_frames:
        raise InputError(f"the clip has {stop - first} frames, at least {recipe.min_frames} are needed")
    return Cut(
        first,
        min(stop, first + recipe.max_frames),
        row.box,
        row.picture,
        min_frames=recipe.min_frames,
        min_side=recipe.min_side or size,
        enlargement=0.0,
        max_outside=float("inf"),
        stretch=recipe.stretch,
        min_inside=MIN_INSIDE,
    )
