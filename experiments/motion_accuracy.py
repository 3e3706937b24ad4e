"""Score how well models follow motion: learnt flow and visibility against the exact ones of drawn heads.

python -m experiments.motion_accuracy --model [LABEL=]MODEL [--model ...] [--page docs/results.md] [--output FILE.json]

Of face vid2vid and LivePortrait, whose motion holds the rotation of the head, it also scores that.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data_pipelines.moving_heads import on_the_fly
from experiments.command import around_section, command_parser, labelled, run_command, write_json, write_section
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.evaluation.motion_accuracy import evaluate_motion, summary
from thf_jax.evaluation.pose_accuracy import evaluate_pose
from thf_jax.inference.load import load
from thf_jax.inference.outputs import check_output
from thf_jax.models.animator import Animator

SECTION = "motion"


def options() -> Parser:
    """The command's options."""
    parser = command_parser("motion_accuracy", __doc__)
    parser.add_argument(
        "--model",
        required=True,
        action="append",
        metavar="[LABEL=]MODEL",
        help="a shipped model, a model directory or a workdir; repeatable",
    )
    parser.add_argument("--split", default="eval", help="of the drawn heads: train or eval, which share nobody")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--frames", type=int, default=16, help="scored in each clip, besides its first")
    parser.add_argument("--every", type=int, default=4, help="score every so many frames: 25 are a second")
    parser.add_argument("--occluded", type=int, default=25, metavar="PERCENT", help="of clips with an occluder")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn heads")
    parser.add_argument("--page", type=Path, help="a Markdown page, whose section of this is replaced")
    parser.add_argument("--output", type=Path, help="a json file for the scores of every clip")
    return parser


def table(rows: list[dict[str, Any]]) -> str:
    """The scores as a Markdown table, a line a model."""
    lines = [
        "| model | size | error, visible | unmoved | error, head | unmoved | visibility AUC | turn | facing |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        totals = row["summary"]
        error, unmoved, area = totals["error"], totals["unmoved"], totals["visibility_auc"]
        pose = row["pose"]
        turn = f"{pose['error']:.1f} | {pose['facing']:.1f}" if pose else "none |"
        lines.append(
            f"| {row['model']} | {row['size']} | {error['visible']:.2f} | {unmoved['visible']:.2f} "
            f"| {error['head']:.2f} | {unmoved['head']:.2f} | {'none' if area is None else f'{area:.3f}'} | {turn} |"
        )
    clips, frames = rows[0]["summary"]["clips"], rows[0]["summary"]["frames"]
    lines += [
        "",
        f"End-point errors in pixels of the model's picture, over {frames} frames of {clips} clips. Turn: the error of "
        "the head's rotation in degrees; facing: that of a head which always faces the camera.",
    ]
    return "\n".join(lines)


def score(label: str, animator: Animator, arguments: argparse.Namespace) -> dict[str, Any]:
    """The scores of one model, of each clip and together."""
    heads = on_the_fly(
        arguments.split,
        size=animator.size,
        clips=arguments.clips,
        length=arguments.frames * arguments.every + 1,
        seed=arguments.seed,
        occluded=arguments.occluded / 100,
    )
    scores = evaluate_motion(animator, heads, every=arguments.every)
    clips = list(tqdm(scores, total=len(heads.clips), unit="clip", desc=label, disable=not sys.stderr.isatty()))
    pose = evaluate_pose(animator, heads, every=arguments.every)
    return {
        "model": label,
        "system": animator.system,
        "size": animator.size,
        "summary": summary(clips),
        "pose": None if pose is None else dataclasses.asdict(pose),
        "clips": [dataclasses.asdict(clip) for clip in clips],
    }


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, print the table and write the file."""
    for name, smallest in {"clips": 1, "frames": 1, "every": 1, "seed": 0}.items():
        if getattr(arguments, name) < smallest:
            raise InputError(f"--{name} is {smallest} or more, not {getattr(arguments, name)}")
    if not 0 <= arguments.occluded <= 100:
        raise InputError(f"--occluded is a percentage from 0 to 100, not {arguments.occluded}")
    output = None if arguments.output is None else check_output(arguments.output, (".json",))
    page = None if arguments.page is None else check_output(arguments.page, (".md",))
    if page is not None:
        around_section(page, SECTION)
    # All are loaded before the first is scored.
    named = [labelled(text) for text in arguments.model]
    animators = [(label, load(model)) for label, model in named]
    rows = [score(label, animator, arguments) for label, animator in animators]
    print(table(rows))
    if page is not None:
        write_section(page, SECTION, table(rows))
    if output is not None:
        names = ("split", "frames", "every", "occluded", "seed")
        write_json(output, {name: getattr(arguments, name) for name in names} | {"models": rows})


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("motion_accuracy", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
