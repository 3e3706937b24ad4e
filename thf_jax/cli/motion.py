"""`thf motion`: motion files made and looked at."""

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command and its two sub-commands."""
    text = "Extract the motion of a clip to a small file that animates any portrait, or show what such a file holds."
    parser = subparsers.add_parser("motion", help="extract and show motion files", description=text)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    extract = actions.add_parser("extract", description="Write the motion of every frame of a clip to a motion file.")
    extract.add_argument("driving", metavar="DRIVING", help="mp4, mov, webm, gif or a folder of frames")
    extract.add_argument("output", metavar="OUT.motion")
    extract.add_argument("--model", help="a shipped model's name or a model directory; by default the shipped one")
    extract.add_argument(
        "--crop", action=argparse.BooleanOptionalAction, default=True, help="take the central square (default)"
    )
    extract.set_defaults(run=run_extract)

    show = actions.add_parser("show", description="Print what a motion file holds.")
    show.add_argument("file", metavar="FILE.motion")
    show.set_defaults(run=run_show)


def run_extract(options: argparse.Namespace) -> None:
    """Write the motion file."""
    from pathlib import Path

    from thf_jax.cli.compilation_cache import keep_compiled_programs
    from thf_jax.cli.progress import Progress
    from thf_jax.errors import InputError
    from thf_jax.inference.assets import default_model
    from thf_jax.inference.crop import look
    from thf_jax.inference.driving import open_driving
    from thf_jax.inference.load import load
    from thf_jax.inference.motion_files import SUFFIX, write_motion
    from thf_jax.inference.outputs import check_output

    target = check_output(options.output, (SUFFIX,))
    driving = open_driving(options.driving)
    if driving.motion is not None:
        raise InputError(f"{driving.path} is a motion file already; extract takes a clip")
    keep_compiled_programs()
    model = options.model or default_model()
    animator = load(model)
    motions = (animator.motion(look(frame, animator.size, crop=options.crop)) for frame in driving.frames())
    progress = Progress(motions, label="extracting", total=driving.length)
    write_motion(
        target,
        progress,
        system=animator.system,
        rate=driving.rate,
        size=animator.size,
        model=Path(model).resolve().name,
    )
    print(f"wrote {target}, {target.stat().st_size:,} bytes: {progress.summary()}")


def run_show(options: argparse.Namespace) -> None:
    """Print a line a property, then one a field."""
    import dataclasses
    from pathlib import Path

    from thf_jax.inference.motion_files import read_motion

    file = read_motion(options.file)
    rate = float(file.rate)
    print(f"file      {options.file}, {Path(options.file).stat().st_size:,} bytes")
    print(f"system    {file.system}")
    print(f"model     {file.model or 'not named'}")
    print(f"frames    {len(file)} at {rate:g} frames/s: {len(file) / rate:.2f} s")
    print(f"pictures  {file.size} x {file.size} px")
    for field in dataclasses.fields(file.motion):
        array = getattr(file.motion, field.name)
        if array is not None:
            shape = " x ".join(str(side) for side in array.shape)
            print(f"{field.name:<9} {shape}, from {array.min():.3f} to {array.max():.3f}")
