"""The files of LivePortrait's published weights: where they are, and the state dictionaries in them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thf_jax.errors import InputError
from thf_jax.interop.torch_reader import read_checkpoint

_FOLDERS = {
    "appearance_feature_extractor": "base_models",
    "motion_extractor": "base_models",
    "warping_module": "base_models",
    "spade_generator": "base_models",
    "stitching_retargeting_module": "retargeting_models",
}
"""The five files, and the sub-folder of each."""
_CORRECTORS = ("retarget_shoulder", "retarget_eye", "retarget_mouth")
_SUFFIXES = (".pth", ".safetensors")
NETWORKS = tuple(_FOLDERS)


def read_networks(folder: str | os.PathLike[str]) -> tuple[dict[str, dict[str, np.ndarray]], list[Path]]:
    """The tensors of each of the five networks by torch's names, and the files that they come from.

    The files lie in the folder itself or in its sub-folders `base_models` and `retargeting_models`. A `module.` before
    names, which training on several devices leaves there, is taken off, and of the file of stitching and retargeting
    what else it holds is left out.

    Raises:
        InputError: there is no such folder, or a file is missing, damaged or something else.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(
            f"{folder} is no folder: LivePortrait's weights are five files, {', '.join(_FOLDERS)}; "
            "give the folder that holds them or their base_models and retargeting_models"
        )
    files = [_find(root, name) for name in _FOLDERS]
    found = {name: _tensors(file, name) for name, file in zip(_FOLDERS, files, strict=True)}
    found["stitching_retargeting_module"] = _correctors(found["stitching_retargeting_module"])
    return found, files


def _find(root: Path, name: str) -> Path:
    places = [root / _FOLDERS[name], root]
    for place in places:
        for suffix in _SUFFIXES:
            if (place / f"{name}{suffix}").is_file():
                return place / f"{name}{suffix}"
    raise InputError(
        f"{root} lacks {_FOLDERS[name]}/{name}.pth (or {name}.safetensors, or either without the sub-folder): "
        "give a folder that holds all five files"
    )


def _tensors(file: Path, name: str) -> dict[str, np.ndarray]:
    """The tensors of a file by dotted names, dictionaries within dictionaries taken apart."""
    content = read_checkpoint(file)
    if not isinstance(content, Mapping):
        raise InputError(f"{file} holds a {type(content).__name__}, not the state dictionary of the {name}")
    return {key: value for key, value in _flat(content, set()).items() if isinstance(value, np.ndarray)}


MOST_DICTIONARIES = 100
"""Within a checkpoint; the published one of several networks has four."""


def _flat(content: Mapping[Any, Any], seen: set[int]) -> dict[str, Any]:
    """What is nested, under joined names; each dictionary once, since a file may name one any number of times."""
    seen.add(id(content))
    if len(seen) > MOST_DICTIONARIES:
        raise InputError(f"a checkpoint of more than {MOST_DICTIONARIES} nested dictionaries is none of LivePortrait")
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, Mapping):
            inner = _flat(value, seen) if id(value) not in seen else {}
            flat |= {f"{key}.{name}": leaf for name, leaf in inner.items()}
        else:
            flat[key] = value
    return {name.removeprefix("module."): value for name, value in flat.items()}


def _correctors(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the three networks; flat files call one `retarget_eye_module` that nested ones call `retarget_eye`."""
    renamed = {name.replace("_module.", ".", 1): value for name, value in tensors.items()}
    return {name: value for name, value in renamed.items() if name.split(".")[0] in _CORRECTORS}
