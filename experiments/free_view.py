"""A picture of one portrait from many sides, yaw across and pitch down.

python -m experiments.free_view --model NAME|DIR --source FILE --output grid.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from data_pipelines.images import resize
from experiments.command import check_least, command_parser, run_command
from experiments.grid import grid
from thf_jax.cli.parser import Parser
from thf_jax.inference.crop import look
from thf_jax.inference.driving import read_source
from thf_jax.inference.free_view import viewer
from thf_jax.inference.load import load
from thf_jax.inference.outputs import appearing, check_output
from thf_jax.inference.video import to_uint8
from thf_jax.models.animator import Animator


def options() -> Parser:
    """The command's options."""
    text = (__doc__ or "").splitlines()[0]
    parser = command_parser("free_view", text)
    parser.add_argument("--model", required=True, help="a model directory or a training workdir of face_vid2vid")
    parser.add_argument("--source", required=True, help="png, jpg or webp; of a video the first frame is taken")
    parser.add_argument("--output", required=True, type=Path, help="a png or jpg file")
    parser.add_argument("--yaw", type=float, nargs="+", default=[-30, -15, 0, 15, 30], metavar="DEG")
    parser.add_argument("--pitch", type=float, nargs="+", default=[-20, 0, 20], metavar="DEG")
    parser.add_argument("--roll", type=float, metavar="DEG", help="by default the portrait's own")
    parser.add_argument("--side", type=int, metavar="PIXELS", help="of a picture; by default the model's own")
    return parser


def views(
    animator: Animator, source: UInt8[np.ndarray, "h w 3"], yaws: Sequence[float], pitches: Sequence[float], **others
) -> UInt8[np.ndarray, "rows columns size size 3"]:
    """The source with its own expression under every pair of angles; others are options of `free_view.viewer`."""
    encoded, own = animator.encode(source), animator.motion(source)

    def seen(yaw: float, pitch: float) -> UInt8[np.ndarray, "size size 3"]:
        turned = viewer(animator, {"yaw": yaw, "pitch": pitch, **others})(own, own)
        return to_uint8(np.asarray(animator.render(encoded, turned).image))

    return np.array([[seen(yaw, pitch) for yaw in yaws] for pitch in pitches])


def run(arguments: argparse.Namespace) -> None:
    """Write the picture."""
    output = check_output(arguments.output, (".png", ".jpg"))
    if arguments.side is not None:
        check_least(arguments, side=1)
    animator = load(arguments.model)
    side = arguments.side or animator.size
    source = look(read_source(arguments.source), animator.size, crop=True)
    pictures = views(animator, source, arguments.yaw, arguments.pitch, roll=arguments.roll)
    pitches = [f"pitch\n{pitch:g}" for pitch in arguments.pitch]
    shown = np.array([[resize(picture, side) for picture in row] for row in pictures])
    sheet = grid(shown, pitches, [f"yaw {yaw:g}" for yaw in arguments.yaw])
    with appearing(output) as partial:
        sheet.save(partial, quality=92)
    print(f"wrote {output}")


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("free_view", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
