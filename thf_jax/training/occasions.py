"""After which steps a run saves, samples and evaluates."""

from __future__ import annotations

from typing import NamedTuple

from thf_jax.errors import InputError
from thf_jax.training.config import Config
from thf_jax.training.retention import check_retention


class Occasion(NamedTuple):
    """What is done after a step besides going on to the next."""

    saving: bool
    sampling: bool
    evaluating: bool


def occasion(config: Config, step: int, steps: int, *, stopping: bool) -> Occasion:
    """What is done after this of so many steps. The last one has everything.

    A run that is about to stop only saves, because it may have seconds left; after its last step, too, and then it goes
    without a picture and a score of that.
    """
    if stopping:
        return Occasion(saving=True, sampling=False, evaluating=False)
    settings = config.train
    saving, sampling, evaluating = (
        every > 0 and (step % every == 0 or step == steps)
        for every in (settings.save_every, settings.sample_every, config.evaluate.every)
    )
    # Only a state that is both evaluated and saved can be the best.
    return Occasion(saving or (evaluating and settings.keep_best > 0), sampling, evaluating)


def check_occasions(config: Config) -> None:
    """Nothing, if all intervals and counts are in their ranges and go together.

    Raises:
        InputError: one does not.
    """
    lowest = {
        "accumulate": 1,
        "log_every": 1,
        "sample_every": 1,
        "save_every": 1,
        "keep": 1,
        "keep_best": 0,
        "keep_every": 0,
    }
    _check_range("train", config.train, lowest)
    _check_range("evaluate", config.evaluate, {"every": 0, "clips": 1, "frames": 1})
    check_retention(config)


def _check_range(group: str, settings: Config, lowest: dict[str, int]) -> None:
    for name, least in lowest.items():
        if settings[name] < least:
            raise InputError(f"{group}.{name} is {least} or more, not {settings[name]}")
