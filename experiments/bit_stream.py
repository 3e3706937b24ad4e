"""What a call costs: clips as one picture and a stream of motion, beside H.264 at equal quality.

python -m experiments.bit_stream --model NAME|DIR --data DIR_OR_TFDS --split eval --output bit_stream.md
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_pipelines.datasets import open_dataset
from data_pipelines.images import resize
from experiments.command import command_parser, run_command
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.evaluation.bit_rate import Cost, as_h264, as_motion, bits_at_equal, together
from thf_jax.inference.bit_stream import Steps
from thf_jax.inference.load import load
from thf_jax.inference.outputs import appearing, check_output

STEPS = {
    "fine": Steps(angle=0.25, position=1 / 512, matrix=1 / 128),
    "as by default": Steps(),
    "coarse": Steps(angle=1.0, position=1 / 128, matrix=1 / 32),
    "very coarse": Steps(angle=2.0, position=1 / 64, matrix=1 / 16),
}
RATE_FACTORS = (18, 24, 30, 36, 42, 48, 51)


def options() -> Parser:
    """The command's options."""
    text = (__doc__ or "").splitlines()[0]
    parser = command_parser("bit_stream", text)
    parser.add_argument("--model", required=True, help="a shipped model, a model directory or a training workdir")
    parser.add_argument("--data", required=True, help="a built dataset, or a folder with a sub-folder of clips a split")
    parser.add_argument("--data_dir", help="where built datasets lie, if --data is a name such as voxceleb/256")
    parser.add_argument("--split", default="eval")
    parser.add_argument("--clips", type=int, default=10, help="how many clips (%(default)s)")
    parser.add_argument("--frames", type=int, default=250, help="the most frames of a clip (%(default)s)")
    parser.add_argument("--output", required=True, type=Path, help="a md file")
    return parser


def table(motion: dict[str, Cost], video: dict[str, Cost]) -> str:
    """The costs as Markdown."""
    lines = [
        "| sent as | bits a frame | with the picture | L1 | PSNR | SSIM | H.264 at that PSNR | at that SSIM |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, cost in {**motion, **video}.items():
        equal = [""] * 2
        if name in motion:
            found = [bits_at_equal(metric, cost.scores[metric], list(video.values())) for metric in ("psnr", "ssim")]
            equal = ["outside the curve" if bits is None else f"{bits:.0f}" for bits in found]
        lines.append(
            f"| {name} | {cost.bits / cost.frames:.0f} | {(cost.bits + cost.once) / cost.frames:.0f} "
            f"| {cost.scores['l1']:.4f} | {cost.scores['psnr']:.2f} | {cost.scores['ssim']:.3f} "
            f"| {equal[0]} | {equal[1]} |"
        )
    return "\n".join(lines)


def run(arguments: argparse.Namespace) -> None:
    """Send every clip all ways, print the table and write the file."""
    if arguments.clips < 1 or arguments.frames < 2:
        raise InputError(f"--clips is 1 or more and --frames 2 or more, not {arguments.clips} and {arguments.frames}")
    output = check_output(arguments.output, (".md",))
    animator = load(arguments.model)
    dataset = open_dataset(arguments.data, arguments.split, data_dir=arguments.data_dir, size=animator.size)
    motion: dict[str, list[Cost]] = {f"motion, {name}": [] for name in STEPS}
    video: dict[str, list[Cost]] = {f"H.264, crf {factor}": [] for factor in RATE_FACTORS}
    chosen = list(dataset.clips)[: arguments.clips]
    for clip in tqdm(chosen, unit="clip", disable=not sys.stderr.isatty()):
        drawn = itertools.islice(dataset.frames(clip), arguments.frames)
        frames = np.stack([resize(frame, animator.size) for frame in drawn])
        for costs, steps in zip(motion.values(), STEPS.values(), strict=True):
            costs.append(as_motion(animator, frames, steps))
        for costs, factor in zip(video.values(), RATE_FACTORS, strict=True):
            costs.append(as_h264(frames, factor))
    first, second = ({name: together(costs) for name, costs in ways.items()} for ways in (motion, video))
    count = next(iter(first.values())).frames
    heading = f"{len(chosen)} clips, {count} frames of {animator.size} px, {animator.system} ({arguments.model})"
    text = f"{heading}\n\n{table(first, second)}\n"
    print(text, end="")
    with appearing(output) as partial:
        partial.write_text(text)


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("bit_stream", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
