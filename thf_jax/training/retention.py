"""Which checkpoints of a run stay, and which one is meant: the newest, the best, or that of a step."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from orbax.checkpoint import checkpoint_managers

from thf_jax.errors import InputError, nearest
from thf_jax.evaluation.metrics import LESS_IS_BETTER, METRICS
from thf_jax.training.config import Config

TEMPORARY = ".orbax-checkpoint-tmp"
"""What Orbax puts after the name of a checkpoint until it is complete."""
SCORES = "metrics"
"""The item of a checkpoint in which Orbax keeps the scores that it was saved with."""


def check_retention(config: Config) -> None:
    """Nothing, if what is to be kept will be there to be kept.

    Raises:
        InputError: an interval that does not fit, or no such metric.
    """
    settings, metric = config.train, config.evaluate.metric
    if metric not in METRICS:
        raise InputError(f"there is no metric named {metric!r} for evaluate.metric{nearest(metric, METRICS)}")
    if settings.keep_best > 0 and config.evaluate.every < 1:
        raise InputError(
            f"train.keep_best={settings.keep_best} needs an evaluation during training: give --config.evaluate.every"
        )
    if settings.keep_every % settings.save_every:
        whole = max(1, round(settings.keep_every / settings.save_every)) * settings.save_every
        raise InputError(
            f"train.keep_every is a multiple of train.save_every={settings.save_every}, not {settings.keep_every}; "
            f"the nearest is {whole}"
        )


def preserved(config: Config) -> checkpoint_managers.AnyPreservationPolicy:
    """The policy of a run's `train.keep`, `train.keep_best` and `train.keep_every`."""
    settings, metric = config.train, config.evaluate.metric
    policies: list[checkpoint_managers.PreservationPolicy] = [checkpoint_managers.LatestN(settings.keep)]
    if settings.keep_every:
        policies.append(checkpoint_managers.EveryNSteps(settings.keep_every))
    if settings.keep_best:
        best = checkpoint_managers.BestN(
            get_metric_fn=lambda scores: scores[metric],
            reverse=metric in LESS_IS_BETTER,
            n=settings.keep_best,
            keep_checkpoints_without_metrics=False,
        )
        policies.append(best)
    return checkpoint_managers.AnyPreservationPolicy(policies)


def clear_leftovers(folder: Path) -> None:
    """Delete what is no checkpoint in this folder: half-written ones, empty ones, and damaged scores.

    Orbax would count the empty ones and stumble on the scores. For the first process of a run, before the others look.
    """
    for path in folder.glob(f"*{TEMPORARY}*"):
        shutil.rmtree(path)
    for path in folder.glob("*"):
        if not (path.name.isdecimal() and path.is_dir()):
            continue
        if not any(path.iterdir()):
            path.rmdir()
        elif (path / SCORES).exists() and stored_scores(path) is None:
            shutil.rmtree(path / SCORES)


def stored_scores(checkpoint: Path) -> dict[str, float] | None:
    """The scores that a checkpoint was saved with; None where it was not evaluated, or they are damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads((checkpoint / SCORES / SCORES).read_text())
        return {metric: float(stored[metric]) for metric in METRICS}
    return None


def chosen(folder: Path, steps: list[int], which: str, metric: str) -> list[int]:
    """The steps of the checkpoints that are meant, the first that can be read being the one.

    Args:
        folder: of the checkpoints of these steps.
        which: empty for the newest, `best` for the one with the best score, or a number.
        metric: by which it is the best; of equally good ones the newer is.

    Raises:
        InputError: none of them was evaluated, or the run has no such checkpoint.
    """
    if not which:
        return sorted(steps, reverse=True)
    if which == "best":
        scores = {step: stored_scores(folder / str(step)) for step in steps}
        sign = 1 if metric in LESS_IS_BETTER else -1
        ranked = sorted((sign * found[metric], -step) for step, found in scores.items() if found is not None)
        if not ranked:
            raise InputError(
                f"none of the checkpoints in {folder} was evaluated, so that none is the best: "
                "train with --config.evaluate.every and --config.train.keep_best"
            )
        return [-ranked[0][1]]
    if which not in map(str, steps):
        known = ", ".join(map(str, sorted(steps))) or "none"
        raise InputError(f"there is no checkpoint {which!r} in {folder}: give 'best', or one of the steps {known}")
    return [int(which)]
