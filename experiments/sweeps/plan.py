"""From a configuration to the trials of a sweep: one a variant and seed, or one for the values that a search tries."""

from __future__ import annotations

import dataclasses
import functools
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.space import Space
from data_pipelines.datasets import Dataset, open_dataset
from experiments.configuration import load_config
from experiments.sweeps.trial import SCORES, Trial
from thf_jax.errors import InputError, nearest
from thf_jax.training.config import Config
from thf_jax.training.loop import total_steps

FULL = "full"
"""The variant without an ablation."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the trials of a sweep have in common.

    Attributes:
        config: a file and, after a colon, variants of it, as `experiments.train` takes them.
        overrides: the words `--config.path=value` that every trial is given.
        split, every: of the evaluation.
    """

    config: str
    overrides: tuple[str, ...]
    workdir: Path
    split: str = "eval"
    every: int = 1

    def settings(self) -> dict[str, Any]:
        """What trials must have in common for their scores to compare."""
        return {
            "config": self.config,
            "overrides": list(self.overrides),
            "split": self.split,
            "every": self.every,
        }


def file_of(config: str) -> dict[str, Any]:
    """What the configuration's file defines by name.

    Raises:
        InputError: it defines neither ablations nor a search.
    """
    file = config.partition(":")[0]
    defined = runpy.run_path(file)
    if not {"ablations", "sweep"} <= defined.keys():
        raise InputError(f"{file} has no ablations() and sweep() beside its get_config(), which configs/fomm.py has")
    return defined


def ablations(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """What each variant changes: nothing in the full configuration, which comes first."""
    return {FULL: {}, **file_of(plan.config)["ablations"]()}


def variants(plan: Plan, only: Sequence[str] = ()) -> list[str]:
    """The named variants, each once; where none is named, all that change something.

    Raises:
        InputError: there is no such variant, it changes nothing, or an override sets what the sweep varies.
    """
    known, config, overridden = ablations(plan), load_config(plan.config, plan.overrides), _entries(plan.overrides)
    if "seed" in overridden:
        raise InputError("--config.seed would make all seeds one: give --seeds in its place")
    chosen = []
    for name in dict.fromkeys(only or known):
        if name not in known:
            raise InputError(f"{plan.config} has no ablation named {name!r}{nearest(name, known)}")
        if taken := overridden & known[name].keys():
            raise InputError(f"--config.{min(taken)} would undo the ablation {name}: leave out one of them")
        if name == FULL or any(_value(config, entry) != value for entry, value in known[name].items()):
            chosen.append(name)
        elif only:
            raise InputError(f"the ablation {name} changes nothing in {plan.config}: leave it out")
        else:
            print(f"{name}: left out, since it changes nothing in {plan.config}")
    return chosen


def _value(config: Config, entry: str) -> Any:
    return functools.reduce(lambda part, name: part[name], entry.split("."), config)


def ablation_trials(plan: Plan, names: Sequence[str], seeds: Sequence[int]) -> list[Trial]:
    """A trial for each variant and seed, all variants of one seed before those of the next.

    Raises:
        InputError: the configuration or its data are wrong.
    """
    return [
        _trial(
            plan,
            plan.workdir / name / f"seed{seed}",
            {"variant": name, "seed": seed},
            _joined(plan.config, name),
            [f"--config.seed={seed}"],
        )
        for seed in seeds
        for name in names
    ]


def search_trial(plan: Plan, number: int, values: Mapping[str, Any]) -> Trial:
    """The trial of a search with these values of the entries of its space."""
    words = [f"--config.{entry}={value}" for entry, value in values.items()]
    return _trial(plan, plan.workdir / "search" / str(number), {"trial": number}, plan.config, words)


def search_space(plan: Plan) -> Space:
    """What the configuration's file says that a search may change, but for what overrides fix."""
    fixed = _entries(plan.overrides)
    return {entry: each for entry, each in file_of(plan.config)["sweep"]().items() if entry not in fixed}


def _entries(overrides: Sequence[str]) -> set[str]:
    return {word.removeprefix("--config.").partition("=")[0] for word in overrides}


def _joined(config: str, name: str) -> str:
    if name == FULL:
        return config
    file, _, variant = config.partition(":")
    return f"{file}:{variant}+{name}" if variant else f"{file}:{name}"


def _trial(
    plan: Plan, workdir: Path, attributes: Mapping[str, str | int], config_text: str, words: Sequence[str]
) -> Trial:
    overrides = [*plan.overrides, *words]
    config = load_config(config_text, overrides)
    python = (sys.executable, "-m")
    data = ["--data", config.data.location]
    if config.data.data_dir:
        data += ["--data_dir", config.data.data_dir]
    scoring = ["--split", plan.split, "--every", str(plan.every), "--output", str(workdir / SCORES)]
    return Trial(
        workdir,
        attributes,
        (*python, "experiments.train", "--config", config_text, "--workdir", str(workdir), *overrides),
        (*python, "experiments.evaluate", "--model", str(workdir), *data, *scoring),
        _steps(config, plan.split),
    )


def _steps(config: Config, split: str) -> int:
    """The length of the run, once it is known that there are data to train and to score it by."""
    place = config.data.location, config.data.data_dir or None, config.size
    _opened(split, *place)
    return total_steps(config, _opened(config.data.split, *place))


@functools.cache
def _opened(split: str, location: str, data_dir: str | None, size: int) -> Dataset:
    return open_dataset(location, split, data_dir=data_dir, size=size)
