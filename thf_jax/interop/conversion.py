"""What the conversion of every published checkpoint is; a system adds its variables and its authors' configuration."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from thf_jax.errors import InputError
from thf_jax.interop.model_card import converted_card
from thf_jax.interop.model_directory import check_target, save_model
from thf_jax.interop.shapes import complete
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.models.animator import Animator

PUBLISHED_SIZE = 256
"""The side of the pictures of the published VoxCeleb models, in pixels."""

_YAML_ADVICE = "; if it was not trained with the published VoxCeleb configuration, give the authors' YAML file"


def convert_checkpoint(
    system: str,
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    variables: Callable[..., dict[str, Any]],
    *,
    align_corners: bool,
    yaml: str | os.PathLike[str] | None = None,
    authors: Callable[[str | os.PathLike[str]], tuple[Mapping[str, Mapping[str, Any]], int]] | None = None,
) -> Path:
    """The model directory made of a published checkpoint.

    Args:
        system: a name in `thf_jax.models.SYSTEMS`.
        checkpoint: a file that `read_checkpoint` reads.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        variables: (what was read, settings, size=, title=, advice=) -> the system's variables.
        align_corners: how every part that samples reads its grid.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        authors: the settings and the size that such a file tells; None where the authors have no such files.

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    check_target(out_dir)
    settings, size, advice = {}, PUBLISHED_SIZE, "" if authors is None else _YAML_ADVICE
    settings_from = "the published VoxCeleb configuration"
    if yaml is not None:
        if authors is None:
            raise InputError(f"{system} is published without configuration files: leave {yaml} out")
        (settings, size), advice, settings_from = authors(yaml), "", f"`{Path(yaml).name}`"
    settings = complete(system, settings)
    for part in settings.values():
        if part and "align_corners" in part:
            part["align_corners"] = align_corners
    filled = variables(read_checkpoint(checkpoint), settings, size=size, title=str(checkpoint), advice=advice)
    card = converted_card(system, Path(checkpoint), settings_from=settings_from, align_corners=align_corners)
    return save_model(out_dir, Animator(system, size, settings, filled), card)
