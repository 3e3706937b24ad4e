"""Score a model: every clip of a split reconstructed from its first frame, beside copying that frame.

python -m experiments.evaluate --model NAME|DIR --data DIR_OR_TFDS --split eval --output results.json
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from tqdm import tqdm

from data_pipelines.datasets import open_dataset
from experiments.command import command_parser, run_command, write_json
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.evaluation.protocol import ClipScore, evaluate, summary
from thf_jax.inference.load import load
from thf_jax.inference.outputs import check_output


def options() -> Parser:
    """The command's options."""
    parser = command_parser("evaluate", __doc__)
    parser.add_argument("--model", required=True, help="a shipped model, a model directory or a training workdir")
    parser.add_argument("--data", required=True, help="a built dataset, or a folder with a sub-folder of clips a split")
    parser.add_argument("--data_dir", help="where built datasets lie, if --data is a name such as voxceleb/256")
    parser.add_argument("--split", default="eval")
    parser.add_argument("--every", type=int, default=1, help="score every so many frames only")
    parser.add_argument("--output", required=True, type=Path, help="a json file")
    return parser


def table(scores: list[ClipScore], totals: dict) -> str:
    """The scores as a Markdown table, a line a clip and the means below."""
    lines = [
        "| clip | frames | L1 | L1, copying | PSNR | SSIM | SSIM, copying |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [(score.name, score.frames, score.model, score.copying) for score in scores]
    for name, frames, model, copying in [*rows, ("**all**", totals["frames"], totals["model"], totals["copying"])]:
        lines.append(
            f"| {name} | {frames} | {model['l1']:.4f} | {copying['l1']:.4f} | {model['psnr']:.2f} "
            f"| {model['ssim']:.3f} | {copying['ssim']:.3f} |"
        )
    lines.append("")
    lines.append(
        f"L1 is {totals['l1_below_copying']:.1%} below copying the first frame, and below it on "
        f"{totals['clips_better']} of {totals['clips']} clips."
    )
    return "\n".join(lines)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print the table and write the file."""
    if arguments.every < 1:
        raise InputError(f"--every is 1 or more, not {arguments.every}")
    output = check_output(arguments.output, (".json",))
    animator = load(arguments.model)
    dataset = open_dataset(arguments.data, arguments.split, data_dir=arguments.data_dir, size=animator.size)
    clips = evaluate(animator, dataset, every=arguments.every)
    scores = list(tqdm(clips, total=len(dataset.clips), unit="clip", disable=not sys.stderr.isatty()))
    totals = summary(scores)
    print(table(scores, totals))
    results = {
        "model": arguments.model,
        "system": animator.system,
        "size": animator.size,
        "data": arguments.data,
        "split": arguments.split,
        "every": arguments.every,
        "summary": totals,
        "clips": [dataclasses.asdict(score) for score in scores],
    }
    write_json(output, results)


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("evaluate", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
