"""One trial of a sweep: a run directory that is trained and scored by the commands that a user would type."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from thf_jax.training.checkpoints import FOLDER, complete_steps

LOG, SCORES, LOCK = "log.txt", "scores.json", "trial.lock"
"""Files in the run directory: all that the commands said, what `experiments.evaluate` found, and who is at work."""
POLL = 0.5
"""Seconds between two looks at what a trial waits for."""
PREEMPTION = {signal.SIGUSR1, signal.SIGUSR2}
"""How clusters announce the end of a job, as submitit asks them to."""

Scores = dict[str, float]


class TrialFailedError(Exception):
    """A trial came to no score. The text is the last line of what it said."""


class StoppedError(Exception):
    """The sweep ends before the trial does, which can be taken up again."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """A run directory and the commands that fill it.

    Attributes:
        attributes: what tells the trial from others of its sweep.
        train: the words of a command that trains in `workdir`, or goes on with what is there.
        evaluate: those of one that writes the file `SCORES` there.
        steps: of the whole run.
    """

    workdir: Path
    attributes: Mapping[str, str | int]
    train: Sequence[str]
    evaluate: Sequence[str]
    steps: int


def run_trial(trial: Trial, stop: threading.Event, *, gpus: Sequence[str] = ()) -> Scores:
    """The scores of the trial, after training and evaluation in processes of their own.

    A killed sweep may leave a process at work: it keeps the lock of its folder, and is waited for.

    Args:
        stop: once it is set, what runs is ended.
        gpus: the only ones that the processes see; all where none is named.

    Raises:
        TrialFailedError: a command failed, or training ended before its last step.
        StoppedError: `stop` was set.
    """
    trial.workdir.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else dict(os.environ)
    with _locked(trial.workdir / LOCK, stop) as lock, (trial.workdir / LOG).open("a", encoding="utf-8") as log:

        def run(words: Sequence[str]) -> None:
            print(f"$ {shlex.join(words)}", file=log, flush=True)
            begin = log.tell()
            status = _run(words, environment, log, lock, stop)
            if status != 0:
                raise TrialFailedError(f"{last_line(trial.workdir / LOG, begin)} (exit status {status})".strip())

        reached = -1
        while (step := _step(trial)) < trial.steps or reached < 0:
            if step <= reached:
                raise TrialFailedError(f"training stopped at step {step} of {trial.steps}")
            reached = step
            run(trial.train)  # once more where a signal had it save and stop, as long as it gets on
        run(trial.evaluate)
        return _scores(trial)


def _step(trial: Trial) -> int:
    """The step of the newest checkpoint of the trial's run."""
    return max(complete_steps(trial.workdir)[1], default=0) if (trial.workdir / FOLDER).is_dir() else 0


def run_here(jobs: int, gpus: Sequence[str] = ()) -> Callable[[Trial, threading.Event], Scores]:
    """`run_trial` for so many trials at a time on this machine, the GPUs shared out among them."""
    shares: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
    for number in range(jobs):
        shares.put(gpus[number::jobs])

    def run(trial: Trial, stop: threading.Event) -> Scores:
        share = shares.get()
        try:
            return run_trial(trial, stop, gpus=share)
        finally:
            shares.put(share)

    return run


@contextlib.contextmanager
def _locked(path: Path, stop: threading.Event) -> Iterator[int]:
    """A descriptor of the file at `path`, locked as long as this process or one that inherits it lives."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.wait(POLL):
                    raise StoppedError from None
        yield file.fileno()


def _run(words: Sequence[str], environment: Mapping[str, str], log: TextIO, lock: int, stop: threading.Event) -> int:
    """The exit status of a command that says everything into the log."""
    # A cluster may tell every process of a job that it will end. Only the first one answers, and ends the others.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, PREEMPTION)
    try:
        # A group of its own: Ctrl-C reaches the sweep alone, which then ends what it has started.
        process = subprocess.Popen(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,), process_group=0
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(POLL)
            if stop.is_set():
                raise StoppedError
    finally:
        if process.poll() is None:  # the sweep ends, by whatever
            process.terminate()
            process.wait()


def last_line(file: Path, begin: int = 0) -> str:
    """The last line of a text, of what stands from byte `begin` on, that is not empty; an empty one if none is."""
    lines = file.read_bytes()[begin:].decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _scores(trial: Trial) -> Scores:
    found = json.loads((trial.workdir / SCORES).read_text(encoding="utf-8"))["summary"]
    copying = {f"copying_{metric}": value for metric, value in found["copying"].items()}
    counts = {name: found[name] for name in ("l1_below_copying", "clips_better", "clips", "frames")}
    scores = {**found["model"], **copying, **counts, "steps": trial.steps}
    if not math.isfinite(scores["l1"]):
        raise TrialFailedError(f"the L1 of its pictures is {scores['l1']}")
    return scores
