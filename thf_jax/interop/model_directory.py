"""The library's own model files: a directory of config.json, variables.safetensors and MODEL_CARD.md; no pickle."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from thf_jax.errors import InputError, nearest
from thf_jax.interop.safetensors_reader import read_safetensors
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import nearest_name, to_device
from thf_jax.models.animator import Animator

FORMAT = 1
CONFIG, VARIABLES, CARD = "config.json", "variables.safetensors", "MODEL_CARD.md"
PROGRAMS = frozenset(
    f"{verb}.{kind}" for verb in ("encode", "motion", "render", "combine") for kind in ("stablehlo", "onnx")
)
"""The verbs as programs, which may lie beside these files, see `export`."""
_CONFIG_KEYS = {"format": int, "system": str, "size": int, "model": dict}


def save_model(
    directory: str | os.PathLike[str], animator: Animator, card: str, programs: Mapping[str, bytes] | None = None
) -> Path:
    """The absolute path of the directory, which appears whole or not at all.

    Args:
        directory: new, empty, or a model directory that is replaced.
        animator: every variable is stored as it is, to the last bit.
        card: the text of MODEL_CARD.md: what the model is, where it comes from, its licence.
        programs: further files, by their names.

    Raises:
        InputError: something else stands there, or nothing can be written there.
        OSError, SafetensorError: writing failed, as on a full disk.
    """
    target = check_target(directory)
    settings = complete(animator.system, animator.settings)
    config = {"format": FORMAT, "system": animator.system, "size": animator.size, "model": settings}
    # The file takes the bytes in memory order, so that a transposed view must be copied first.
    arrays = {name: np.array(value, order="C") for name, value in _flat(animator.variables).items()}
    with _replacing(target) as partial:
        (partial / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (partial / CARD).write_text(card, encoding="utf-8")
        for name, content in (programs or {}).items():
            (partial / name).write_bytes(content)
        safetensors.numpy.save_file(arrays, partial / VARIABLES)
        # safetensors lets only the owner read; the user's own mask shall hold.
        (partial / VARIABLES).chmod((partial / CONFIG).stat().st_mode)
    return target


def load_model(directory: str | os.PathLike[str]) -> Animator:
    """The animator of a model directory.

    Raises:
        InputError: a file is missing or damaged, or the variables do not fit the settings.
    """
    folder = Path(directory)
    config = _read_config(folder)
    stored = read_safetensors(folder / VARIABLES)
    expected = _flat(variable_shapes(config["system"], config["model"], config["size"]))
    _compare(folder / VARIABLES, expected, stored)
    arrays = {name: stored[name].astype(shape.dtype) for name, shape in expected.items()}
    return Animator(config["system"], config["size"], config["model"], to_device(unflatten_dict(arrays, sep="/")))


def check_target(directory: str | os.PathLike[str]) -> Path:
    """The absolute path of a directory that `save_model` may write; to be asked before long work.

    Raises:
        InputError: something that is no model stands there, or it cannot be written.
    """
    target = Path(directory).absolute()
    if not target.parent.is_dir():
        raise InputError(f"cannot write the model directory {directory}: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(f"cannot write the model directory {directory}: the folder {target.parent} is read-only")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InputError(f"cannot write the model directory {directory}: a file or link of that name stands there")
    known = {CONFIG, VARIABLES, CARD} | (PROGRAMS if (target / CONFIG).is_file() else set())
    if target.is_dir() and any(path.name not in known or not path.is_file() for path in target.iterdir()):
        raise InputError(
            f"cannot write the model directory {directory}: it holds other files; give a new or an empty one"
        )
    return target


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A new folder beside the target to write to: it takes the target's place at the end, or vanishes on an error."""
    partial, former = (
        target.with_name(f".{target.name}.{secrets.token_hex(4)}.{end}") for end in ("partial", "former")
    )
    partial.mkdir()
    try:
        yield partial
        if target.exists():
            target.rename(former)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if former.exists() and not target.exists():
            former.rename(target)
        shutil.rmtree(former, ignore_errors=True)


def _flat(variables: Mapping[str, Any]) -> dict[str, Any]:
    return flatten_dict(variables, sep="/")


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{folder} is no model directory: cannot read {CONFIG} ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is no JSON ({error})") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is damaged: it is no JSON object")
    if config.get("format") != FORMAT:
        raise InputError(f"{path} is of format {config.get('format')!r}, and this version reads format {FORMAT}")
    for key, kind in _CONFIG_KEYS.items():
        if type(config.get(key)) is not kind:
            raise InputError(f"{path} needs a {key!r} of type {kind.__name__}, not {config.get(key)!r}")
    for key in config:
        if key not in _CONFIG_KEYS:
            raise InputError(f"{path} has an unknown key {key!r}{nearest(key, _CONFIG_KEYS)}")
    for part, values in config["model"].items():
        if not isinstance(values, dict | None):
            raise InputError(f"{path} needs an object of settings for {part!r}, or null, not {values!r}")
    return config


def _compare(path: Path, expected: Mapping[str, Any], stored: Mapping[str, np.ndarray]) -> None:
    for name in expected:
        if name not in stored:
            raise InputError(f"{path} lacks the variable {name!r}{nearest_name(name, set(stored) - set(expected))}")
    for name, array in stored.items():
        if name not in expected:
            raise InputError(
                f"{path} has a variable {name!r} that its settings do not ask for{nearest_name(name, expected)}"
            )
        if array.shape != expected[name].shape:
            raise InputError(
                f"{path} has {name!r} of shape {array.shape}, and its settings ask for {expected[name].shape}"
            )
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise InputError(f"{path} has {name!r} of type {array.dtype}, not floating")
        if not np.isfinite(array).all():
            raise InputError(f"{path} has values in {name!r} that are not finite: the training that wrote it diverged")
