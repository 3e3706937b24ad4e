"""A sweep from its options to its table."""

from __future__ import annotations

import argparse
import contextlib
import functools
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.command import around_section, write_section
from experiments.configuration import load_config
from experiments.sweeps.cluster import cluster_options, open_cluster, run_on_cluster
from experiments.sweeps.plan import Plan, ablation_trials, ablations, search_space, search_trial, variants
from experiments.sweeps.study import Run, finished, only_sweep, open_study, read_study, run_grid, run_search
from experiments.sweeps.table import ablation_table, search_table
from experiments.sweeps.trial import run_here
from thf_jax.inference.outputs import check_output

ABLATIONS, SEARCH = "ablations", "search"
"""The two studies that a folder may hold."""


class TrialsFailedError(Exception):
    """Some trials of a sweep failed; the others are done."""


def conduct(arguments: argparse.Namespace, overrides: Sequence[str]) -> None:
    """Run what is missing, print the table and write the page.

    Args:
        arguments: the options of `experiments.ablate`.
        overrides: of the configuration, for every trial.

    Raises:
        InputError: the configuration, the data or an option is wrong; nothing was run.
        TrialsFailedError: after all of that, since some trials failed.
    """
    plan = Plan(arguments.config, tuple(overrides), arguments.workdir, arguments.split, arguments.every)
    kind = ABLATIONS if arguments.search is None else SEARCH
    load_config(plan.config, plan.overrides)  # says in one sentence what may be wrong with either
    section = f"{Path(plan.config.partition(':')[0]).stem}-{kind}"
    page = None if arguments.page is None else check_output(arguments.page, (".md",))
    if page is not None:
        around_section(page, section)
    failures = [] if arguments.table else _run(arguments, plan, kind)
    study = read_study(plan.workdir, kind)
    if finished(study) or not failures:
        text = ablation_table(study, list(ablations(plan))) if kind == ABLATIONS else search_table(study)
        print(f"\n{text}")
        if page is not None:
            write_section(page, section, text)
    if failures:
        raise TrialsFailedError(f"{len(failures)} of the trials failed, the last in {failures[-1]}")


def _run(arguments: argparse.Namespace, plan: Plan, kind: str) -> list[str]:
    """Run what is missing; what failed."""
    settings, space = plan.settings(), search_space(plan)
    if kind == ABLATIONS:
        trials = ablation_trials(plan, variants(plan, arguments.only), arguments.seeds or (0, 1))
        count = len(trials)
    else:
        settings |= {"space": {name: repr(each) for name, each in space.items()}}
        trials, count = [], arguments.search
        search_trial(plan, 0, {})  # so that what is wrong with all trials is said before the first
    with only_sweep(plan.workdir), _interrupted():
        study = open_study(plan.workdir, kind, settings)
        run, jobs = _where(arguments, count)
        if kind == ABLATIONS:
            return run_grid(study, trials, run, jobs=jobs)
        return run_search(study, count, space, functools.partial(search_trial, plan), run, jobs=jobs)


def _where(arguments: argparse.Namespace, count: int) -> tuple[Run, int]:
    """What runs a trial, and how many run at a time: on a cluster all of a grid, of a search a tenth.

    Optuna learns from the trials that are done, and of those that begin together it knows nothing.
    """
    if not arguments.slurm:
        jobs = arguments.jobs or 1
        return run_here(jobs, arguments.gpus), jobs
    options = {"timeout_min": round(60 * arguments.slurm_hours), **cluster_options(arguments.slurm_option)}
    if arguments.slurm_partition:
        options["slurm_partition"] = arguments.slurm_partition
    cluster = open_cluster(arguments.slurm, arguments.workdir, options)
    together = count if arguments.search is None else max(1, count // 10)
    return functools.partial(run_on_cluster, cluster), arguments.jobs or together


@contextlib.contextmanager
def _interrupted() -> Iterator[None]:
    """Nothing; what asks the process to end interrupts it meanwhile, as Ctrl-C does: no trial is left at work."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
