"""The trials of a sweep in an Optuna study, which is a file that any number of kills leaves whole.

A trial that was killed stands there as running. The next start takes it up again: its run directory goes on from its
own checkpoint. Variants and seeds are attributes of trials that are asked for one by one: Optuna's GridSampler would
take failed points as done, and begin anew with a grid that grew.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from configs.space import Choice, Range, Space
from experiments.sweeps.trial import Scores, Trial, TrialFailedError
from thf_jax.errors import InputError

FILE, LOCK = "study.db", "sweep.lock"
FAILURE, SETTINGS = "failure", "settings"
"""Attributes of a trial and of a study beside those that the trials bring along."""

Values = Mapping[str, Any]
Run = Callable[[Trial, threading.Event], Scores]
Begin = Callable[[], tuple[optuna.Trial, Trial]]


@contextlib.contextmanager
def only_sweep(workdir: Path) -> Iterator[None]:
    """Nothing; no other sweep runs in the folder meanwhile.

    Raises:
        InputError: one does.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"a sweep is running in {workdir}: wait for it, or give another --workdir") from None
        yield


def open_study(workdir: Path, name: str, settings: Mapping[str, Any]) -> optuna.Study:
    """The study of this name in the folder; a new one where there is none.

    Raises:
        InputError: the one that is there was begun with other settings, so that their scores would not compare.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=_storage(workdir), study_name=name, load_if_exists=True)
    begun = study.user_attrs.get(SETTINGS, settings)
    for entry, value in settings.items():
        if begun.get(entry) != value:
            raise InputError(
                f"the sweep in {workdir} was begun with the {entry} {begun.get(entry)} and not {value}: "
                "give another --workdir, or what it was begun with"
            )
    study.set_user_attr(SETTINGS, dict(settings))
    return study


def read_study(workdir: Path, name: str) -> optuna.Study:
    """The study of this name in the folder, as it is.

    Raises:
        InputError: there is none.
    """
    if (workdir / FILE).is_file() and name in optuna.get_all_study_names(_storage(workdir)):
        return optuna.load_study(storage=_storage(workdir), study_name=name)
    raise InputError(f"{workdir} has no {name} that were begun: leave out --table, or give the --workdir of a sweep")


def _storage(workdir: Path) -> str:
    return f"sqlite:///{(workdir / FILE).absolute()}"


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that came to a score, in the order in which they were begun."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def failed(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that came to none, by themselves; those that were killed are not among them."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    return [trial for trial in trials if FAILURE in trial.user_attrs]


def run_grid(study: optuna.Study, trials: Sequence[Trial], run: Run, *, jobs: int = 1) -> list[str]:
    """Run those of the trials that the study has no score of; the failures, each as one sentence."""
    _close_killed(study)
    scored = [trial.user_attrs.items() for trial in finished(study)]
    missing = [trial for trial in trials if not any(trial.attributes.items() <= each for each in scored)]
    return _run_all(study, [lambda trial=trial: (study.ask(), trial) for trial in missing], run, jobs)


def run_search(
    study: optuna.Study, count: int, space: Space, make: Callable[[int, Values], Trial], run: Run, *, jobs: int = 1
) -> list[str]:
    """Run trials of values that Optuna's TPE chooses, until there are `count`; the failures, each as one sentence.

    What was killed is run again with the values that it had. What failed is not: its values may be bad.

    Args:
        make: the trial of a number and the values of the space's entries. Its attributes contain `trial`, the number.
    """
    _close_killed(study)
    # Seeded by what is there, since the same seed after a restart would draw the same first values again.
    study.sampler = optuna.samplers.TPESampler(seed=len(study.get_trials(deepcopy=False)))
    distributions = {name: _distribution(each) for name, each in space.items()}
    settled = {trial.user_attrs["trial"] for trial in [*finished(study), *failed(study)]}
    chosen = {
        trial.user_attrs["trial"]: trial.params
        for trial in study.get_trials(deepcopy=False)
        if "trial" in trial.user_attrs and trial.params.keys() == distributions.keys()
    }

    def begin(number: int) -> tuple[optuna.Trial, Trial]:
        if number in chosen:
            study.enqueue_trial(chosen[number])
        asked = study.ask(distributions)
        return asked, make(number, asked.params)

    missing = [number for number in range(count) if number not in settled]
    return _run_all(study, [functools.partial(begin, number) for number in missing], run, jobs)


def _distribution(each: Choice | Range) -> BaseDistribution:
    if isinstance(each, Range):
        return FloatDistribution(each.low, each.high, log=each.log)
    return CategoricalDistribution([value if isinstance(value, str) else repr(value) for value in each.values])


def _close_killed(study: optuna.Study) -> None:
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _run_all(study: optuna.Study, begins: Sequence[Begin], run: Run, jobs: int) -> list[str]:
    """Run what is begun, so many at a time, and write each end into the study; the failures."""
    stop, beginning, failures = threading.Event(), threading.Lock(), []

    def one(begin: Begin) -> None:
        with beginning:
            asked, trial = begin()
            for name, value in trial.attributes.items():
                asked.set_user_attr(name, value)
        print(f"{trial.workdir}: begun", flush=True)
        try:
            scores = run(trial, stop)
        except (TrialFailedError, OSError) as error:
            failures.append(f"{trial.workdir}: {error}")
            print(f"{trial.workdir}: failed: {error}", flush=True)
            asked.set_user_attr(FAILURE, str(error))
            study.tell(asked, state=TrialState.FAIL)
        else:
            for name, value in scores.items():
                asked.set_user_attr(name, value)
            study.tell(asked, scores["l1"])
            print(f"{trial.workdir}: L1 {scores['l1']:.4f}", flush=True)

    def unless_stopped(begin: Begin) -> None:
        try:
            if not stop.is_set():
                one(begin)
        except BaseException:
            stop.set()  # The trials that run end soon, and stay in the study as running.
            raise

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(unless_stopped, begin) for begin in begins]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures
