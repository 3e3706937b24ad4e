"""Trials as jobs of a cluster, by submitit: a job that is preempted is queued again, and its training goes on."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import UncompletedJobError

from experiments.sweeps.trial import POLL, Scores, StoppedError, Trial, TrialFailedError, run_trial
from thf_jax.errors import InputError

FOLDER, JOB = "jobs", "job.txt"
"""Where submitit keeps what it needs, within the sweep; and in a run directory the job that is at work there."""
CLUSTERS = {"slurm": submitit.SlurmJob, "local": submitit.LocalJob}
"""Their kinds of jobs. The second is for trying a sweep out: its jobs are processes of this machine."""
TASKS = ("nodes", "ntasks", "tasks_per_node", "ntasks_per_node")
"""Parameters that would start a trial several times over."""
MOST_JOBS = 100
"""How often a trial may reach the end of its job's time."""


@dataclasses.dataclass(frozen=True)
class TrialJob:
    """What the cluster runs for a trial. Called again after preemption, it goes on from the last checkpoint."""

    trial: Trial

    def __call__(self) -> Scores | str:
        """The scores, or why there are none."""
        try:
            return run_trial(self.trial, threading.Event())
        except TrialFailedError as error:
            return str(error)

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What to queue again when the job is preempted or at the end of its time; submitit calls this."""
        return submitit.helpers.DelayedSubmission(self)


def open_cluster(cluster: str, workdir: Path, options: Mapping[str, Any]) -> submitit.AutoExecutor:
    """What submits jobs.

    Args:
        cluster: one of `CLUSTERS`.
        options: submitit's parameters by name, such as `timeout_min` or `slurm_partition`.

    Raises:
        InputError: there is no such cluster here, or it takes no such option.
    """
    try:
        executor = submitit.AutoExecutor(workdir / FOLDER, cluster=cluster, slurm_max_num_timeout=MOST_JOBS)
        executor.update_parameters(**options)
    except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as error:
        sentence = str(error).replace("\n", " ")
        raise InputError(f"submitit cannot use {cluster} with the options {dict(options)}: {sentence}") from error
    return executor


def cluster_options(words: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` words as submitit's parameters; a value that is JSON is read as such.

    Raises:
        InputError: a word has no `=`, or asks for several tasks.
    """
    options = {}
    for word in words:
        key, found, value = word.partition("=")
        if not found or not key:
            raise InputError(f"--slurm-option takes KEY=VALUE, as in gpus_per_node=1, and not {word!r}")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
        if key.removeprefix("slurm_") in TASKS and options[key] != 1:
            raise InputError(f"a trial is one task on one machine, which uses all its GPUs: leave out {word}")
    return options


def run_on_cluster(executor: submitit.AutoExecutor, trial: Trial, stop: threading.Event) -> Scores:
    """The scores of the trial, which a job computes; the one that an earlier, killed sweep submitted, if there is one.

    Raises:
        TrialFailedError: the job came to no scores.
        StoppedError: `stop` was set. The job goes on.
    """
    trial.workdir.mkdir(parents=True, exist_ok=True)
    note = trial.workdir / JOB
    job = _submitted(executor, note)
    if job is None:
        job = executor.submit(TrialJob(trial))
        note.write_text(job.job_id)
    while not job.done():
        if stop.wait(POLL):
            raise StoppedError
    try:
        outcome = job.result()
    except (UncompletedJobError, OSError) as error:
        outcome = f"the job {job.job_id} ended without a result: {str(error).strip().splitlines()[-1]}"
    note.unlink()
    if isinstance(outcome, str):
        raise TrialFailedError(outcome)
    return outcome


def _submitted(executor: submitit.AutoExecutor, note: Path) -> submitit.Job[Scores | str] | None:
    """The job of the note, unless it is lost. Should that run all the same, its lock makes the next one wait."""
    if not note.is_file():
        return None
    job = CLUSTERS[executor.cluster](executor.folder, note.read_text())
    lost = job.done(force_check=True) and not job.paths.result_pickle.exists()
    return None if lost else job
