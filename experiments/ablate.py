"""Train and score the ablations of a configuration over several seeds, or search its values; one table of all.

python -m experiments.ablate --config configs/fomm.py[:variant] --workdir DIR [--jobs N] [--config.path=value ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.command import command_parser, with_overrides
from thf_jax.cli.exit_status import exit_status
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError


def options() -> Parser:
    """The command's options, but for the overrides."""
    parser = command_parser("ablate", __doc__)
    parser.add_argument("--config", required=True, help="a configuration's file and, after a colon, a variant")
    parser.add_argument("--workdir", required=True, type=Path, help="for the trials; a sweep that is there goes on")
    parser.add_argument("--only", type=names, default=[], help="some ablations, as in full,zeroth_order (all)")
    parser.add_argument("--seeds", type=numbers, help="each variant is trained once with each (0,1)")
    parser.add_argument("--search", type=int, metavar="N", help="instead, N trials over the configuration's sweep()")
    parser.add_argument("--jobs", type=int, help="trials at a time (1; with --slurm all, of a search a tenth)")
    parser.add_argument("--gpus", type=names, default=[], help="shared out among the jobs, as in 0,1,2,3")
    parser.add_argument("--split", default="eval", help="by which models are scored (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="score every so many frames only")
    parser.add_argument("--table", action="store_true", help="run nothing, show what there is")
    parser.add_argument("--page", type=Path, help="a Markdown page, whose section of this is replaced")
    parser.add_argument(
        "--slurm",
        nargs="?",
        const="slurm",
        metavar="CLUSTER",
        help="run trials as jobs of SLURM; --slurm=local tries that out on this machine",
    )
    parser.add_argument("--slurm-partition", help="where jobs are queued")
    parser.add_argument("--slurm-hours", type=float, default=24.0, help="a job's longest time (%(default)s)")
    parser.add_argument(
        "--slurm-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a further parameter of submitit, as in gpus_per_node=1; repeatable",
    )
    return parser


def names(text: str) -> list[str]:
    """The words between commas."""
    return [word for word in text.split(",") if word]


def numbers(text: str) -> list[int]:
    """The numbers between commas, each once."""
    return list(dict.fromkeys(map(int, names(text))))


def check(arguments: argparse.Namespace) -> None:
    """Raises InputError for options that are out of range or do not go together."""
    for name in ("every", "jobs", "search"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            raise InputError(f"--{name} is 1 or more, not {value}")
    if arguments.search is not None and (arguments.only or arguments.seeds):
        raise InputError("--search takes neither --only nor --seeds: it trains the configuration itself, with its seed")
    if arguments.seeds is not None and (not arguments.seeds or min(arguments.seeds) < 0):
        raise InputError("--seeds takes numbers from 0 on, as in 0,1,2")
    if arguments.slurm and arguments.gpus:
        raise InputError("--gpus is for one machine: with --slurm, give --slurm-option gpus_per_node=1")
    if arguments.gpus and (arguments.jobs or 1) > len(arguments.gpus):
        raise InputError(f"--gpus names {len(arguments.gpus)} for {arguments.jobs} jobs: give each one at least")
    if arguments.slurm_hours <= 0:
        raise InputError(f"--slurm-hours is more than 0, not {arguments.slurm_hours}")


def run(arguments: argparse.Namespace, overrides: Sequence[str]) -> None:
    """Run what is missing, print the table and write the page."""
    check(arguments)
    try:
        from experiments.sweeps.conduct import conduct
    except ModuleNotFoundError as error:
        if error.name not in ("optuna", "submitit"):
            raise
        raise InputError(f"sweeps need {error.name}, which is not installed: pip install .[sweep]") from error
    conduct(arguments, overrides)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 trials failed, 2 for wrong input, 130 if it was interrupted."""
    return exit_status("ablate", with_overrides(options, run), arguments)


if __name__ == "__main__":
    sys.exit(main())
