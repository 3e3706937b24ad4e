"""Score several models alike, and write their table, settings and learning curves into a Markdown page.

python -m experiments.compare --model FOMM=runs/fomm --model MRAA=runs/mraa --data DIR_OR_TFDS --page docs/results.md
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data_pipelines.datasets import open_dataset
from experiments.command import around_section, command_parser, labelled, run_command, write_json, write_section
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.evaluation.protocol import evaluate, summary
from thf_jax.inference.load import load, named_checkpoint
from thf_jax.inference.outputs import check_output
from thf_jax.models.animator import Animator
from thf_jax.training.run_files import Run, read_run
from thf_jax.training.state import count_parameters

SECTION = "reconstruction"
POINTS = 12
"""Of each learning curve."""


def options() -> Parser:
    """The command's options."""
    parser = command_parser("compare", __doc__)
    parser.add_argument(
        "--model",
        required=True,
        action="append",
        metavar="[LABEL=]MODEL",
        help="a shipped model, a model directory or a workdir, whose settings and curve are shown as well; repeatable",
    )
    parser.add_argument("--data", required=True, help="a built dataset, or a folder with a sub-folder of clips a split")
    parser.add_argument("--data_dir", help="where built datasets lie, if --data is a name such as voxceleb/256")
    parser.add_argument("--split", default="eval")
    parser.add_argument("--every", type=int, default=1, help="score every so many frames only")
    parser.add_argument("--page", type=Path, help="a Markdown page, whose section of this is replaced")
    parser.add_argument("--output", type=Path, help="a json file for the scores of every clip")
    return parser


def score(label: str, model: str, animator: Animator, arguments: argparse.Namespace) -> dict[str, Any]:
    """What is known of one model: its scores, of each clip and together, and its run."""
    dataset = open_dataset(arguments.data, arguments.split, data_dir=arguments.data_dir, size=animator.size)
    scores = evaluate(animator, dataset, every=arguments.every)
    clips = list(tqdm(scores, total=len(dataset.clips), unit="clip", desc=label, disable=not sys.stderr.isatty()))
    return {
        "label": label,
        "system": animator.system,
        "size": animator.size,
        "parameters": count_parameters(animator.variables["params"]),
        "summary": summary(clips),
        "clips": [dataclasses.asdict(clip) for clip in clips],
        "run": read_run(named_checkpoint(model)[0]),
    }


def page(rows: list[dict[str, Any]]) -> str:
    """The table of the scores, the settings of the runs, and their learning curves."""
    totals = rows[0]["summary"]
    copying = totals["copying"]
    lines = [
        f"Every clip from its own first frame, absolute motion: {totals['frames']} frames of {totals['clips']} clips.",
        "",
        "| model | pixels | parameters | L1 | below copying | SSIM | PSNR | clips better than copying |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        f"| copying the first frame | {rows[0]['size']} | 0 | {copying['l1']:.4f} | | {copying['ssim']:.3f} "
        f"| {copying['psnr']:.2f} | |",
    ]
    for row in rows:
        totals, model = row["summary"], row["summary"]["model"]
        lines.append(
            f"| {row['label']} | {row['size']} | {row['parameters'] / 1e6:.2f} M | {model['l1']:.4f} "
            f"| {totals['l1_below_copying']:.1%} | {model['ssim']:.3f} | {model['psnr']:.2f} "
            f"| {totals['clips_better']} of {totals['clips']} |"
        )
    runs = [(row["label"], row["run"]) for row in rows if row["run"] is not None]
    return "\n".join([*lines, *_settings(runs), *_curves(runs)])


def _settings(runs: list[tuple[str, Run]]) -> list[str]:
    if not runs:
        return []
    lines = ["", "| model | command | steps | batch | images/s |", "| --- | --- | --- | --- | --- |"]
    for label, run in runs:
        command = " ".join(_shown(run.arguments))
        rate = np.median([line["images_per_second"] for line in run.metrics]) if run.metrics else float("nan")
        lines.append(f"| {label} | `{command}` | {run.step} | {run.config['train']['batch_size']} | {rate:.1f} |")
    return lines


def _shown(arguments: list[str]) -> list[str]:
    """The words of a command without `--workdir DIR` or `--workdir=DIR`."""
    words = iter(arguments)
    shown = []
    for word in words:
        if word == "--workdir":
            next(words, None)
        elif not word.startswith("--workdir="):
            shown.append(word)
    return shown


def _curves(runs: list[tuple[str, Run]]) -> list[str]:
    """A chart in Mermaid's language: the mean error of the training pictures over the share of the run that is done."""
    curves = [(label, _curve(run)) for label, run in runs]
    curves = [(label, curve) for label, curve in curves if curve is not None]
    if not curves:
        return []
    top = max(max(curve) for _, curve in curves)
    ticks = ", ".join(f'"{round(100 * (point + 1) / POINTS)} %"' for point in range(POINTS))
    lines = [f"    line [{', '.join(f'{value:.4f}' for value in curve)}]" for _, curve in curves]
    return [
        "",
        f"Mean absolute error of the pictures in training, from the top at the right end: {_by_end(curves)}.",
        "",
        "```mermaid",
        "xychart-beta",
        f"    x-axis [{ticks}]",
        f'    y-axis "L1" 0 --> {top:.3f}',
        *lines,
        "```",
    ]


def _by_end(curves: list[tuple[str, list[float]]]) -> str:
    return ", ".join(label for label, _ in sorted(curves, key=lambda pair: -pair[1][-1]))


def _curve(run: Run) -> list[float] | None:
    """The unweighted reconstruction term in equal parts of the run; None where it was not trained by that."""
    weight = run.config["loss"]["reconstruction"]
    values = [line["reconstruction"] / weight for line in run.metrics if "reconstruction" in line]
    return [float(np.mean(part)) for part in np.array_split(values, POINTS)] if len(values) >= POINTS else None


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print the table and write the files."""
    if arguments.every < 1:
        raise InputError(f"--every is 1 or more, not {arguments.every}")
    where = None if arguments.page is None else check_output(arguments.page, (".md",))
    scores = None if arguments.output is None else check_output(arguments.output, (".json",))
    if where is not None:
        around_section(where, SECTION)
    named = [labelled(text) for text in arguments.model]
    # All are loaded before the first is scored, which may take hours.
    animators = [load(model) for _, model in named]
    rows = [score(*pair, animator, arguments) for pair, animator in zip(named, animators, strict=True)]
    text = page(rows)
    print(text)
    if where is not None:
        write_section(where, SECTION, text)
    if scores is not None:
        names = ("data", "split", "every")
        kept = [{key: value for key, value in row.items() if key != "run"} for row in rows]
        write_json(scores, {name: getattr(arguments, name) for name in names} | {"models": kept})


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("compare", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
