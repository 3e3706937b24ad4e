"""How every published checkpoint becomes a model; what differs between the systems is a `Published` each."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thf_jax.errors import InputError
from thf_jax.interop.authors_yaml import PUBLISHED_SIZE, Configuration
from thf_jax.interop.model_card import converted_card
from thf_jax.interop.model_directory import check_target, save_model
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import Rules, convert, to_device
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.models import Settings
from thf_jax.models.animator import Animator

_YAML_ADVICE = "; if it was not trained with the published VoxCeleb configuration, give the authors' YAML file"

Tensors = dict[str, np.ndarray]


def _one_file(checkpoint: str | os.PathLike[str]) -> tuple[Any, list[Path]]:
    return read_checkpoint(checkpoint), [Path(checkpoint)]


@dataclasses.dataclass(frozen=True)
class Published:
    """What is known of a system's published checkpoints. `settings` are complete, as `shapes.complete` gives them.

    Attributes:
        system: a name in `thf_jax.models.SYSTEMS`.
        title: the system's name in sentences.
        networks: settings -> the state dictionaries that a checkpoint must have; others in it are left out.
        rules: settings -> how our module paths are named in torch.
        align_corners: how the authors' torch read sampling grids when they trained.
        filters: settings -> the scale of each anti-alias filter by torch's name; one of scale 1 there is not.
        prepared: tensors by dotted names -> the tensors that the rules are about.
        state_dicts: what was read -> state dictionaries by name.
        authors: what one of the authors' configuration files tells; None where they published none.
        seen: state dictionaries -> settings that the tensors themselves tell; they win over the file's.
        read: a path -> what the checkpoint holds, and the files that it consists of.
    """

    system: str
    title: str
    networks: Callable[[Mapping[str, Any]], Iterable[str]]
    rules: Callable[[Mapping[str, Any]], Rules]
    align_corners: bool
    filters: Callable[[Mapping[str, Any]], Mapping[str, float]] = lambda settings: {}
    prepared: Callable[[Tensors], Tensors] = lambda tensors: tensors
    state_dicts: Callable[[Any], Any] = lambda read: read
    authors: Callable[[str | os.PathLike[str]], Configuration] | None = None
    seen: Callable[[Mapping[str, Any]], Settings] = lambda state_dicts: {}
    read: Callable[[str | os.PathLike[str]], tuple[Any, list[Path]]] = _one_file


def convert_checkpoint(
    published: Published,
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool | None = None,
) -> Path:
    """The model directory made of a published checkpoint; its optimisers, discriminator and epoch are left out.

    Args:
        checkpoint: `.pth` or `.pth.tar` of any torch version from 0.1.10 on, or a safetensors file of the same names;
            for LivePortrait the folder of its files.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        align_corners: how the warps read their grids; None: as when the authors trained. True is how torch before 1.3
            read them, False what the same weights give under a later one.

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    check_target(out_dir)
    if yaml is not None and published.authors is None:
        raise InputError(f"{published.title} is published without configuration files: leave {yaml} out")
    told = published.authors(yaml) if published.authors is not None and yaml is not None else Configuration({})
    read, files = published.read(checkpoint)
    settings = complete(published.system, told.settings)
    for part, values in published.seen(published.state_dicts(read)).items():
        settings[part] = None if values is None else {**(settings[part] or {}), **values}
    align_corners = published.align_corners if align_corners is None else align_corners
    for values in settings.values():
        if values is not None and "align_corners" in values:
            values["align_corners"] = align_corners
    advice = _YAML_ADVICE if published.authors is not None and yaml is None else ""
    variables = checkpoint_variables(published, read, settings, size=told.size, title=str(checkpoint), advice=advice)
    settings_from = "the published VoxCeleb configuration" if yaml is None else f"`{Path(yaml).name}`"
    card = converted_card(published.system, *files, settings_from=settings_from, align_corners=align_corners)
    return save_model(out_dir, Animator(published.system, told.size, settings, variables), card)


def checkpoint_variables(
    published: Published,
    read: Any,
    settings: Settings,
    *,
    size: int = PUBLISHED_SIZE,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """A system's variables, `{"params": ..., "batch_stats": ...}`, filled from torch's state dictionaries.

    Args:
        read: what the checkpoint holds: most often `{network: {name: array}}`; other entries are left out.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures; every one that the networks take gives the same variables.
        title, advice: the beginning and the end of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape, or the anti-alias filters are others.
    """
    full = complete(published.system, settings)
    networks = published.networks(full)
    tensors = network_tensors(published.state_dicts(read), networks, title=title, system=published.title)
    filters = {name: scale for name, scale in published.filters(full).items() if scale != 1}
    shapes = variable_shapes(published.system, settings, size)
    rules = published.rules(full)
    return to_device(convert(published.prepared(tensors), shapes, rules, filters=filters, title=title, advice=advice))
