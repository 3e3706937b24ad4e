"""Train a system.

python -m experiments.train --config configs/fomm.py[:variant] --workdir DIR [--stages NAME] [--config.path=value ...]

Started by SLURM, Open MPI or on Cloud TPU, all processes are one run. Elsewhere each of them is told of the others:
--coordinator HOST:PORT --processes N --process I
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn, TextIO

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from data_pipelines.datasets import open_dataset
from data_pipelines.validate import quick_problems, table
from experiments.configuration import explain
from experiments.stages import is_finished, planned
from thf_jax.cli.compilation_cache import keep_compiled_programs
from thf_jax.cli.exit_status import WRONG_INPUT, exit_status
from thf_jax.errors import InputError
from thf_jax.training.config import Config
from thf_jax.training.distributed import joined, leave
from thf_jax.training.loop import check, total_steps, train
from thf_jax.training.preemption import PreemptedError

CONFIG = config_flags.DEFINE_config_file(
    "config", None, "The configuration: a Python file, and after a colon a variant."
)
WORKDIR = flags.DEFINE_string("workdir", None, "Where the run's files go. A run that is there is continued.")
STAGES = flags.DEFINE_multi_string(
    "stages",
    [],
    "Variants of the configuration that are trained after it, one after the other, each from the networks of the one "
    "before: names with commas between, or the option several times. Stage S has the folder WORKDIR/S.",
)
COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0, where several processes are one run.")
PROCESSES = flags.DEFINE_integer("processes", None, "How many processes are one run.")
PROCESS = flags.DEFINE_integer("process", None, "Which of them this is, from 0.")
MOST_SHOWN = 20
"""Lines of the table of what is wrong with the data."""
DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of an error.")


def run(config: Config, workdir: Path, *, needed_next: bool = False) -> None:
    """Train by this config, the files of the run in `workdir`.

    Args:
        needed_next: another stage goes on from here, and is all that is left to do where this one is finished.
    """
    dataset, held_out = opened(config)
    steps = total_steps(config, dataset)
    if needed_next and is_finished(workdir, steps):
        say(f"the stage in {workdir} is finished: {steps} steps")
        return
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{workdir} cannot be the folder of a run: {error.strerror}") from error
    train(config, workdir, dataset, held_out=held_out, arguments=sys.argv[1:])


def opened(config: Config) -> tuple[Any, Any]:
    """The split that is trained on, and the one that is evaluated by, if any is."""
    data, place = config.data, {"data_dir": config.data.data_dir or None, "size": config.size}
    held_out = open_dataset(data.location, config.evaluate.split, **place) if config.evaluate.every else None
    return open_dataset(data.location, data.split, **place), held_out


def run_all(plan: list[tuple[Config, Path]]) -> None:
    """Train the stages one after the other. Where a signal stops them, say how to go on.

    What is wrong with a later one is said before the first.
    """
    for number, (config, workdir) in enumerate(plan, start=1):
        dataset, held_out = opened(config)
        if number < len(plan) and is_finished(workdir, total_steps(config, dataset)):
            continue
        warn_of_problems(config)
        if number == 1:  # it checks itself when it begins, and would read its losses' networks twice
            continue
        try:
            check(config, dataset, held_out=held_out)
        except InputError as error:
            raise InputError(f"in the stage of {workdir}, {error}") from error
    try:
        for number, stage in enumerate(plan, start=1):
            run(*stage, needed_next=number < len(plan))
    except (PreemptedError, KeyboardInterrupt) as error:
        say(f"to go on: {shlex.join(['python', '-m', 'experiments.train', *sys.argv[1:]])}")
        if isinstance(error, KeyboardInterrupt):
            raise


def warn_of_problems(config: Config) -> None:
    """Show what the index of the data tells to be wrong with them."""
    data = config.data
    if problems := quick_problems(data.location, data_dir=data.data_dir or None, split=data.split):
        say(table(problems[:MOST_SHOWN]), sys.stderr)
        say(
            f"train: {len(problems)} problem{'s' * (len(problems) > 1)} with the data; "
            "python -m data_pipelines.validate shows them all, and looks at the frames too",
            sys.stderr,
        )


def say(text: str, file: TextIO | None = None) -> None:
    """Print it, by one of the processes."""
    if jax.process_index() == 0:
        print(text, file=file, flush=True)


def parse(arguments: list[str]) -> list[str]:
    """The arguments that are no options. A wrong option ends the command with one sentence and status 2."""
    try:
        rest = flags.FLAGS(arguments)
        if CONFIG.value is not None:
            CONFIG.value.system  # noqa: B018  a configuration that could not be loaded says so when it is first asked
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        if "--debug" in arguments:
            raise
        refuse(explain(error))
    return rest


def plan(config: Config, workdir: Path) -> list[tuple[Config, Path]]:
    """The configuration and the folder of each stage that the options name; most often there is one.

    Raises:
        InputError: there is no such variant.
    """
    stages = [stage for names in STAGES.value for stage in names.split(",") if stage]
    if not stages:
        return [(config, workdir)]
    flag = flags.FLAGS["config"]
    name, overrides = config_flags.get_config_filename(flag), config_flags.get_override_values(flag)
    return planned(config, name, workdir, stages, overrides)


def refuse(sentence: str) -> NoReturn:
    """Say what was wrong with the options, and end."""
    print(f"train: {sentence}", file=sys.stderr)
    sys.exit(WRONG_INPUT)


def main(arguments: list[str]) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input, 130 if it was interrupted."""
    logging.set_verbosity(logging.WARNING)
    if len(arguments) > 1:
        refuse(f"{arguments[1]!r} is not an option: options begin with --")
    config, workdir = CONFIG.value, WORKDIR.value
    if config is None or workdir is None:
        refuse("both --config, for instance configs/fomm.py:debug, and --workdir are needed")

    if "://" in workdir:
        refuse(f"the workdir {workdir} is an address: mount what lies there, and give the path")
    keep_compiled_programs()

    def work(_: list[str]) -> None:
        with joined(COORDINATOR.value or "", PROCESSES.value, PROCESS.value):
            run_all(plan(config, Path(workdir)))

    return leave(exit_status("train", work, ["--debug"] if DEBUG.value else []))


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
