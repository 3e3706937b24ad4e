"""`python -m data_pipelines.look LOCATION --output sheet.png`: a contact sheet of a dataset, and its statistics."""

import collections
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from data_pipelines.command import DONE, Parser, run
from data_pipelines.datasets import Dataset, open_dataset, split_names
from data_pipelines.errors import InputError
from data_pipelines.images import LUMA, resize
from data_pipelines.progress import track
from data_pipelines.records import ClipEntry

FORMATS = (".png", ".jpg")
MARGIN, TEXT_WIDTH, TEXT_SIZE, TEXT_HEIGHT = 4, 320, 14, 36  # pixels

Views = UInt8[np.ndarray, "3 s s 3"]


class Row(NamedTuple):
    """A line of the sheet."""

    views: Views
    text: str


def view(dataset: Dataset, clip: ClipEntry) -> Views:
    """The first, the middle and the last frame of a clip."""
    last = clip.length - 1
    return np.stack([dataset.frame(clip.start + at) for at in (0, last // 2, last)])


def statistics(split: str, dataset: Dataset, colours: Float[np.ndarray, "n 3"]) -> str:
    """What a split holds, a line a property.

    Args:
        split: its name.
        dataset: the split.
        colours: mean red, green and blue of each clip's views, in [0, 1].
    """
    clips = dataset.clips
    lengths = [clip.length for clip in clips]
    identities = collections.Counter(clip.identity for clip in clips)
    rates = sorted({"unknown" if clip.rate is None else f"{float(clip.rate):g}" for clip in clips})
    red, green, blue = colours.mean(0)
    return "\n".join(
        [
            f"{split}: {len(clips)} clips of {len(identities)} identities, "
            f"{sum(lengths)} frames of {dataset.size} x {dataset.size}",
            f"  frames in a clip       {_spread(lengths, '.0f')}",
            f"  clips of an identity   {_spread(list(identities.values()), '.0f')}",
            f"  frames a second        {', '.join(rates)}",
            f"  mean red, green, blue  {red:.3f}, {green:.3f}, {blue:.3f}",
            f"  brightness of a clip   {_spread(colours @ LUMA, '.3f')}",
        ]
    )


def _spread(values: Sequence[float] | np.ndarray, form: str) -> str:
    return f"{np.min(values):{form}} to {np.max(values):{form}}, median {np.median(values):{form}}"


def contact_sheet(rows: Sequence[Row], *, side: int) -> Image.Image:
    """The rows one below the other: three frames resized to `side`, and the text."""
    height, step = max(side, TEXT_HEIGHT) + MARGIN, side + MARGIN
    sheet = Image.new("RGB", (MARGIN + 3 * step + TEXT_WIDTH, MARGIN + len(rows) * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT_SIZE)
    for row, (views, text) in enumerate(rows):
        top = MARGIN + row * height
        for column, frame in enumerate(views):
            sheet.paste(Image.fromarray(resize(frame, side)), (MARGIN + column * step, top))
        draw.text((2 * MARGIN + 3 * step, top), text, fill="black", font=font)
    return sheet


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 the work failed, 2 the location or the options were wrong."""
    return run("look", _look, arguments)


def _look(words: Sequence[str]) -> int:
    parser = Parser(name="look", description="Show what a dataset or a folder of clips holds.")
    parser.add_argument("location", metavar="LOCATION", help="a built dataset, its name, or a folder of splits")
    parser.add_argument("--output", type=Path, required=True, help=f"the sheet: a {' or '.join(FORMATS)} file")
    parser.add_argument("--split", nargs="+", help="the splits to look at; all by default")
    parser.add_argument("--data_dir", type=Path, help="where built datasets lie, if LOCATION is a name")
    parser.add_argument("--size", type=int, help="crop and resize the frames of a folder of clips to this side")
    parser.add_argument("--clips", type=int, default=40, help="at most so many of a split on the sheet, evenly spread")
    parser.add_argument("--side", type=int, default=96, help="of a frame on the sheet, in pixels")
    options = parser.parse_args(words)
    for name in ("size", "clips", "side"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise InputError(f"--{name} is {getattr(options, name)}: give 1 or more")
    _check_output(options.output)
    rows = []
    for split in options.split or split_names(options.location, data_dir=options.data_dir):
        dataset = open_dataset(options.location, split, data_dir=options.data_dir, size=options.size)
        rows += _look_at(split, dataset, shown=options.clips)
    _save(contact_sheet(rows, side=options.side), options.output)
    print(f"{len(rows)} clips on {options.output}")
    return DONE


def _look_at(split: str, dataset: Dataset, *, shown: int) -> list[Row]:
    """The rows of a split, whose statistics are printed."""
    count = len(dataset.clips)
    places = set(np.linspace(0, count - 1, min(shown, count)).round().astype(int).tolist())
    rows, colours = [], []
    for number, clip in enumerate(track(dataset.clips, total=count, label=split)):
        views = view(dataset, clip)
        colours.append(views.mean((0, 1, 2)) / 255)
        if number in places:
            rows.append(Row(views, f"{clip.name}\n{split}, {clip.identity}, {clip.length} frames"))
    print(statistics(split, dataset, np.stack(colours)))
    return rows


def _check_output(path: Path) -> None:
    """Raises InputError, before any work is done, where no sheet can be written."""
    folder = path.absolute().parent
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"--output is {path}: give a file whose name ends in {' or '.join(FORMATS)}")
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"--output {path} cannot be written: give a file in a folder that is there and writable")


def _save(sheet: Image.Image, path: Path) -> None:
    """The sheet at `path`, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=f".{path.name}.") as folder:
        partial = Path(folder) / path.name
        sheet.save(partial, quality=95)
        partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
