"""A copy of a run's numbers and pictures at Weights & Biases, for those who have its package (the extra `wandb`)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from jaxtyping import UInt8
from numpy import ndarray

from thf_jax.errors import InputError
from thf_jax.inference.outputs import appearing
from thf_jax.training.config import Config

IDENTITY = "wandb_id.txt"
"""The file in a workdir that says which of the project's runs is its copy, so that a resumed run goes on with it."""


class WandbCopy:
    """The run of a project that goes on with the run of this workdir."""

    def __init__(self, package: Any, project: str, workdir: Path, config: Config):
        file = workdir / IDENTITY
        if not file.is_file():
            with appearing(file) as partial:
                partial.write_text(secrets.token_hex(8))
        self._package = package
        self._run = package.init(
            project=project,
            id=file.read_text(),
            name=workdir.absolute().name,
            dir=str(workdir),
            config=json.loads(config.to_json()),
            resume="allow",
        )
        # Steps that a resumed run takes again would else be refused, since they lie before the last one.
        self._run.define_metric("*", step_metric="step")

    def numbers(self, step: int, measured: Mapping[str, float]) -> None:
        """Numbers by name at this step."""
        self._run.log({**measured, "step": step})

    def picture(self, step: int, picture: UInt8[ndarray, "h w 3"]) -> None:
        """A sample picture at this step."""
        self._run.log({"samples": self._package.Image(picture), "step": step})

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()


def wandb_copy(config: Config, workdir: Path) -> WandbCopy | None:
    """The copy of this run at the project `train.wandb`; None where no project is named, and in all processes but one.

    Raises:
        InputError: the package is not installed.
    """
    if not config.train.wandb:
        return None
    try:
        import wandb  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise InputError(
            f"train.wandb={config.train.wandb!r} needs the package wandb (the extra `wandb`): pip install wandb, "
            "or leave train.wandb empty"
        ) from error
    return WandbCopy(wandb, config.train.wandb, workdir, config) if jax.process_index() == 0 else None
