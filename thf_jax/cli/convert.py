"""`thf convert`: a published PyTorch checkpoint, to a model directory."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    text = (
        "Make a model directory of a published PyTorch checkpoint. No torch is needed, and nothing in the file is run. "
        "A .pth.tar file is not an archive: give it as downloaded, without unpacking."
    )
    parser = subparsers.add_parser("convert", help="convert a published PyTorch checkpoint", description=text)
    parser.add_argument("system", metavar="SYSTEM", help="x2face, monkey_net, fomm, mraa, face_vid2vid or liveportrait")
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help=".pth, .pth.tar or .safetensors; of liveportrait the folder of its files",
    )
    parser.add_argument("out_dir", metavar="OUT_DIR", help="the model directory to write; a model in it is replaced")
    parser.add_argument(
        "--yaml",
        metavar="FILE",
        help="the authors' configuration file; without it the published VoxCeleb one is assumed",
    )
    parser.add_argument(
        "--align-corners",
        action=argparse.BooleanOptionalAction,
        help="read sampling grids as torch before 1.3 did, or (--no-align-corners) as it does since; "
        "by default as the authors' torch did when they trained",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the model directory."""
    from thf_jax.errors import InputError, nearest
    from thf_jax.interop.converters import CONVERTERS

    if options.system not in CONVERTERS:
        raise InputError(f"SYSTEM cannot be {options.system!r}{nearest(options.system, CONVERTERS)}")
    target = CONVERTERS[options.system](
        options.checkpoint, options.out_dir, yaml=options.yaml, align_corners=options.align_corners
    )
    print(f"wrote {target}")
