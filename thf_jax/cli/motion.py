"""`thf motion`: motion files made and looked at."""

import argparse
from typing import Any

from thf_jax.cli.templates import add_template_actions


def add_parser(subparsers: Any) -> None:
    """Add the command and its two sub-commands."""
    text = (
        "Extract the motion of a clip to a small file that animates any portrait, show what such a file holds, or pack "
        "it into the few bits that a call would send."
    )
    parser = subparsers.add_parser("motion", help="extract, show and pack motion files", description=text)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    extract = actions.add_parser("extract", description="Write the motion of every frame of a clip to a motion file.")
    extract.add_argument("driving", metavar="DRIVING", help="mp4, mov, webm, gif or a folder of frames")
    extract.add_argument("output", metavar="OUT.motion")
    extract.add_argument(
        "--model", help="a shipped model's name, a model directory or a training workdir; by default the shipped one"
    )
    extract.add_argument(
        "--crop", action=argparse.BooleanOptionalAction, default=True, help="take the central square (default)"
    )
    extract.set_defaults(run=run_extract)

    show = actions.add_parser("show", description="Print what a motion file holds.")
    show.add_argument("file", metavar="FILE.motion")
    show.set_defaults(run=run_show)

    text = "Write a motion file as a stream of bits: its numbers rounded, and then coded without loss."
    pack = actions.add_parser("pack", description=text)
    pack.add_argument("file", metavar="FILE.motion")
    pack.add_argument("output", metavar="OUT.bits")
    pack.add_argument(
        "--angle-step", type=float, default=0.5, metavar="DEG", help="round a head's angles to this (%(default)s)"
    )
    pack.add_argument(
        "--position-step",
        type=float,
        default=1 / 256,
        metavar="X",
        help="round positions to this, in halves of the picture (1/256: half a pixel at 256 px)",
    )
    pack.set_defaults(run=run_pack)

    unpack = actions.add_parser("unpack", description="Write the motion in a stream of bits as a motion file.")
    unpack.add_argument("file", metavar="FILE.bits")
    unpack.add_argument("output", metavar="OUT.motion")
    unpack.set_defaults(run=run_unpack)
    add_template_actions(actions)


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


def run_pack(options: argparse.Namespace) -> None:
    """Write the stream and print what a frame of it takes."""
    from thf_jax.inference.bit_stream import SUFFIX, Steps, pack
    from thf_jax.inference.motion_files import read_motion
    from thf_jax.inference.outputs import appearing, check_output

    target = check_output(options.output, (SUFFIX,))
    file = read_motion(options.file)
    content = pack(file, Steps(angle=options.angle_step, position=options.position_step))
    with appearing(target) as partial:
        partial.write_bytes(content)
    bits = 8 * len(content) / len(file)
    rate = bits * float(file.rate) / 1000
    print(
        f"wrote {target}, {len(content):,} bytes: {bits:.0f} bits a frame, {rate:.1f} kbit/s at {float(file.rate):g} Hz"
    )


def run_unpack(options: argparse.Namespace) -> None:
    """Write the motion file."""
    from thf_jax.inference.bit_stream import unpack
    from thf_jax.inference.motion_files import SUFFIX, write_motion
    from thf_jax.inference.outputs import check_output

    target = check_output(options.output, (SUFFIX,))
    file = unpack(options.file)
    write_motion(target, file, system=file.system, rate=file.rate, size=file.size, model=file.model)
    print(f"wrote {target}, {len(file)} frames")
