"""What the conversion of every published checkpoint is; a system adds its variables and its authors' configuration."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from thf_jax.errors import InputError
from thf_jax.interop.authors_yaml import Configuration
from thf_jax.interop.model_card import converted_card
from thf_jax.interop.model_directory import check_target, save_model
from thf_jax.interop.shapes import complete
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.models import Settings
from thf_jax.models.animator import Animator

_YAML_ADVICE = "; if it was not trained with the published VoxCeleb configuration, give the authors' YAML file"


def convert_checkpoint(
    system: str,
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    variables: Callable[..., dict[str, Any]],
    *,
    align_corners: bool,
    yaml: str | os.PathLike[str] | None = None,
    authors: Callable[[str | os.PathLike[str]], Configuration] | None = None,
    seen: Callable[[Mapping[str, Any]], Settings] | None = None,
) -> Path:
    """The model directory made of a published checkpoint.

    Args:
        system: a name in `thf_jax.models.SYSTEMS`.
        checkpoint: a file that `read_checkpoint` reads.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        variables: (what was read, settings, size=, title=, advice=) -> the system's variables.
        align_corners: how every part that samples reads its grid.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        authors: what such a file tells; None where the authors have no such files.
        seen: the settings that the tensors themselves tell by their names; they win over the file's.

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    check_target(out_dir)
    if yaml is not None and authors is None:
        raise InputError(f"{system} is published without configuration files: leave {yaml} out")
    told = authors(yaml) if authors is not None and yaml is not None else Configuration({})
    state_dicts = read_checkpoint(checkpoint)
    settings = complete(system, told.settings)
    for part, values in (seen(state_dicts) if seen is not None else {}).items():
        settings[part] = None if values is None else {**(settings[part] or {}), **values}
    for values in settings.values():
        if values is not None and "align_corners" in values:
            values["align_corners"] = align_corners
    advice = _YAML_ADVICE if authors is not None and yaml is None else ""
    filled = variables(state_dicts, settings, size=told.size, title=str(checkpoint), advice=advice)
    settings_from = "the published VoxCeleb configuration" if yaml is None else f"`{Path(yaml).name}`"
    card = converted_card(system, Path(checkpoint), settings_from=settings_from, align_corners=align_corners)
    return save_model(out_dir, Animator(system, told.size, settings, filled), card)
