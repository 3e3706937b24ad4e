"""Stages of a training, each a variant of one configuration that goes on from the networks of the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.configuration import load_config
from thf_jax.errors import InputError
from thf_jax.training.checkpoints import FOLDER, complete_steps
from thf_jax.training.config import Config


def planned(
    first: Config, name: str, workdir: Path, stages: Sequence[str], overrides: Mapping[str, Any]
) -> list[tuple[Config, Path]]:
    """The configuration and the workdir of each stage.

    A stage S of `configs/fomm.py:mini64` is `configs/fomm.py:mini64+S` in the folder S of the workdir, with
    `train.start_from` the workdir of the stage before. Its steps are its own, and so is the learning rate's schedule,
    which begins at the stage's first step with the rate of the stage's configuration: what the stage before had come
    down to is not taken over. (The authors' PyTorch code does that or the other, depending on the release of PyTorch.)

    Args:
        first: the configuration that `name` stands for, with the overrides.
        name: the configuration file, and after a colon a variant.
        stages: after the first one, names of variants.
        overrides: values by their dotted names, which hold in all stages, but for `train.start_*`.

    Raises:
        InputError: a stage comes twice, or there is no such variant.
    """
    file, _, variant = name.partition(":")
    plan = [(first, workdir)]
    for stage in stages:
        folder = workdir / stage
        if folder in (known for _, known in plan):
            raise InputError(f"the stage {stage!r} comes twice: each has a folder of its own name")
        config = load_config(f"{file}:{'+'.join(filter(None, (variant, stage)))}")
        config.update_from_flattened_dict(overrides)
        # What the first stage begins with is no business of the others: they take all of the stage before.
        config.train.update({"start_from": str(plan[-1][1]), "start_parts": (), "start_discriminator": ""})
        plan.append((config, folder))
    return plan


def is_finished(workdir: Path, steps: int) -> bool:
    """Whether the run in this folder has a checkpoint of its last step."""
    return (workdir / FOLDER).is_dir() and steps in complete_steps(workdir)[1]
