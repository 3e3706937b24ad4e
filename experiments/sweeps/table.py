"""What a sweep found, as Markdown: a row for each variant over its seeds, or for each trial of a search."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna

from experiments.sweeps.study import FAILURE, SETTINGS, failed, finished
from thf_jax.errors import InputError

COLUMNS: dict[str, Callable[[float], str]] = {
    "l1": "{:.4f}".format,
    "l1_below_copying": "{:.1%}".format,
    "ssim": "{:.3f}".format,
}
"""The scores that are shown, and how."""
HEAD = "L1 | below copying | SSIM"
SPREADS = {
    2: "in brackets both values where there are two seeds",
    3: "± the standard deviation over three seeds or more (divisor n − 1)",
}


def ablation_table(study: optuna.Study, order: Sequence[str]) -> str:
    """The variants' scores over their seeds, those of `order` first; then what failed.

    Raises:
        InputError: no trial has come to a score yet.
    """
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for trial in finished(study):
        found.setdefault(trial.user_attrs["variant"], {})[trial.user_attrs["seed"]] = trial.user_attrs
    rows = [name for name in (*order, *sorted(found.keys() - set(order))) if name in found]
    lines = [f"| variant | {HEAD} | seeds | steps |", "| --- | --- | --- | --- | --- | --- |"]
    for name in rows:
        seeds = [scores for _, scores in sorted(found[name].items())]
        cells = [_over_seeds([scores[column] for scores in seeds], show) for column, show in COLUMNS.items()]
        steps = sorted({scores["steps"] for scores in seeds})
        lines.append(f"| {' | '.join([name, *cells, str(len(seeds)), ', '.join(map(str, steps))])} |")
    counts = {min(len(seeds), 3) for seeds in found.values()}
    spread = "; ".join(["Means over the seeds", *(text for count, text in SPREADS.items() if count in counts)])
    failures = {
        (trial.user_attrs["variant"], trial.user_attrs["seed"]): trial.user_attrs[FAILURE] for trial in failed(study)
    }
    left = [
        f"Failed: {name}, seed {seed}: {sentence}"
        for (name, seed), sentence in failures.items()
        if seed not in found.get(name, {})
    ]
    seeds = sorted({seed for scores in found.values() for seed in scores})
    words = ["--only", ",".join(rows), "--seeds", ",".join(map(str, seeds))]
    return "\n\n".join([_heading(study, words), f"{spread}.", "\n".join(lines), *left])


def search_table(study: optuna.Study) -> str:
    """The trials with their values, the best first; then what failed.

    Raises:
        InputError: no trial has come to a score yet.
    """
    trials = sorted(finished(study), key=lambda trial: trial.user_attrs["l1"])
    names = sorted({name for trial in trials for name in trial.params})
    lines = [f"| trial | {' | '.join([HEAD, *names])} | steps |", "| --- " * (len(names) + 5) + "|"]
    for trial in trials:
        scores = [show(trial.user_attrs[column]) for column, show in COLUMNS.items()]
        values = [_value(trial.params.get(name, "")) for name in names]
        cells = [str(trial.user_attrs["trial"]), *scores, *values, str(trial.user_attrs["steps"])]
        lines.append(f"| {' | '.join(cells)} |")
    left = [f"Failed: trial {trial.user_attrs['trial']}: {trial.user_attrs[FAILURE]}" for trial in failed(study)]
    heading = _heading(study, ["--search", str(len(trials) + len(left))])
    return "\n\n".join([heading, "\n".join(lines), *left])


def _heading(study: optuna.Study, words: Sequence[str]) -> str:
    """The command, and what was scored."""
    trials, settings = finished(study), study.user_attrs[SETTINGS]
    if not trials:
        raise InputError("no trial of this sweep has come to a score yet")
    scores = trials[-1].user_attrs
    words = ["--config", settings["config"], *words, *settings["overrides"]]
    for name, default in (("split", "eval"), ("every", 1)):
        if settings[name] != default:
            words += [f"--{name}", str(settings[name])]
    every = "" if settings["every"] == 1 else f", one in {settings['every']},"
    command = f"python -m experiments.ablate {shlex.join(words)}"
    return (
        f"`{command}`\n\nEvery clip of the split {settings['split']} from its first frame, absolute motion: "
        f"{scores['frames']} frames{every} of {scores['clips']} clips, of which copying the first frame has the L1 "
        f"{scores['copying_l1']:.4f} and the SSIM {scores['copying_ssim']:.3f}."
    )


def _over_seeds(values: Sequence[float], show: Callable[[float], str]) -> str:
    mean = show(float(np.mean(values)))
    if len(values) == 1:
        return mean
    if len(values) == 2:
        return f"{mean} ({', '.join(map(show, values))})"
    return f"{mean} ± {show(float(np.std(values, ddof=1)))}"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
