"""A figure of clips one below the other at the same moments: drivers, and what models made of them.

python -m experiments.figure --row driving=clip.mp4 --row FOMM=fomm.mp4 --row MRAA=mraa.mp4 --output figure.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from data_pipelines.clips import IMAGE_SUFFIXES, open_clip
from experiments.command import check_least, command_parser, labelled, run_command
from experiments.grid import grid
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.inference.crop import look
from thf_jax.inference.driving import read_source
from thf_jax.inference.outputs import appearing, check_output


def options() -> Parser:
    """The command's options."""
    parser = command_parser("figure", __doc__)
    parser.add_argument(
        "--row",
        required=True,
        action="append",
        metavar="[LABEL=]FILE",
        help="a clip (mp4, mov, webm, gif or a folder of frames) or a picture, which is repeated; repeatable",
    )
    moments = parser.add_mutually_exclusive_group()
    moments.add_argument("--columns", type=int, default=6, help="moments, evenly over the shortest clip (%(default)s)")
    moments.add_argument(
        "--moments", type=int, nargs="+", metavar="N", help="numbers of frames, from 0, in their place"
    )
    parser.add_argument("--side", type=int, default=96, help="of a picture, in pixels (%(default)s)")
    parser.add_argument("--output", required=True, type=Path, help="a png or jpg file")
    return parser


def read_row(path: str, side: int) -> tuple[UInt8[np.ndarray, "frames side side 3"], bool]:
    """The frames of a clip or a picture alone, cropped to their central squares and resized; whether it is a clip.

    Raises:
        InputError: it cannot be read.
    """
    if Path(path).suffix.lower() in IMAGE_SUFFIXES and not Path(path).is_dir():
        return look(read_source(path), side, crop=True)[None], False
    return np.stack([look(frame, side, crop=True) for frame in open_clip(path, steady=True).frames()]), True


def at_moments(
    rows: Sequence[tuple[UInt8[np.ndarray, "_ side side 3"], bool]], moments: Sequence[int] | None, columns: int
) -> UInt8[np.ndarray, "rows columns side side 3"]:
    """Every row at these moments, or without them at `columns` ones; a picture is the same at all of them.

    Raises:
        InputError: a clip has no frame of such a number, or there are fewer frames than columns.
    """
    shortest = min((len(frames) for frames, is_clip in rows if is_clip), default=None)
    if moments is not None:
        chosen = list(moments)
        if shortest is not None and not 0 <= min(chosen) <= max(chosen) < shortest:
            raise InputError(f"--moments are frames 0 to {shortest - 1} of the shortest clip, not {chosen}")
    else:
        if shortest is not None and columns > shortest:
            raise InputError(f"--columns is {columns}, and the shortest clip has {shortest} frames")
        chosen = np.linspace(0, (shortest or 1) - 1, columns).round().astype(int).tolist()
    return np.stack([frames[chosen] if is_clip else frames.repeat(len(chosen), 0) for frames, is_clip in rows])


def run(arguments: argparse.Namespace) -> None:
    """Write the figure."""
    check_least(arguments, columns=1, side=1)
    output = check_output(arguments.output, (".png", ".jpg"))
    names, paths = zip(*map(labelled, arguments.row), strict=True)
    rows = [read_row(path, arguments.side) for path in paths]
    sheet = grid(at_moments(rows, arguments.moments, arguments.columns), names)
    with appearing(output) as partial:
        sheet.save(partial, quality=92)
    print(f"wrote {output}")


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("figure", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
