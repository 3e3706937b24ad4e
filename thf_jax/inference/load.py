"""Models by name or by folder."""

import os
from pathlib import Path

from thf_jax.errors import InputError, nearest
from thf_jax.inference.assets import model_folder, model_names
from thf_jax.inference.onnx_programs import with_onnx_programs
from thf_jax.interop.model_directory import load_model
from thf_jax.models.animator import Animator

TORCH_SUFFIXES = (".pth", ".pt", ".tar", ".ckpt")


BACKENDS = ("jax", "onnxruntime")


def load(model: str | os.PathLike[str], *, backend: str = "jax") -> Animator:
    """The animator of a shipped model, a model directory or a training workdir.

    Args:
        model: a folder with a `config.json`, or a shipped model's name, which comes before a folder of that name in the
            current directory: write `./name` for the folder. Of a workdir it is the newest checkpoint; `WORKDIR@best`
            is the best of those that were evaluated, and `WORKDIR@12000` that of a step.
        backend: what computes the verbs; `onnxruntime` wants a model directory of `thf export --format onnx`.

    Raises:
        InputError: there is no such model, or the folder holds none; or no such backend, or nothing for it.
    """
    if backend not in BACKENDS:
        raise InputError(f"there is no backend {backend!r}{nearest(backend, BACKENDS)}")
    folder, which = named_checkpoint(model)
    if folder.is_dir():
        animator = _load_folder(folder, which)
        return animator if backend == "jax" else with_onnx_programs(animator, folder)
    if folder.is_file():
        raise InputError(_about_file(folder))
    name, shipped = os.fspath(model), model_names()
    raise InputError(f"there is no model and no folder named {name!r}{nearest(name, shipped) if shipped else ''}")


def named_checkpoint(model: str | os.PathLike[str]) -> tuple[Path, str]:
    """The folder that a model's name means, and which of its checkpoints; empty for the newest."""
    if isinstance(model, str) and model in model_names():
        return model_folder(model), ""
    folder, _, which = os.fspath(model).rpartition("@")
    if Path(model).exists() or not Path(folder).is_dir() or not folder:
        return Path(model), ""
    return Path(folder), which


def _load_folder(folder: Path, which: str) -> Animator:
    if not (folder / "config.json").is_file():
        raise InputError(f"the folder {folder} is no model: it has no config.json")
    if not (folder / "checkpoints").is_dir():
        if which:
            raise InputError(f"{folder} is no training workdir: only that has several checkpoints; leave @{which} out")
        return load_model(folder)
    # Imported here because it takes seconds, which model directories are to be spared.
    from thf_jax.training.trained_networks import restore_animator

    return restore_animator(folder, which)


def _about_file(file: Path) -> str:
    if file.suffix.lower() in TORCH_SUFFIXES:
        return f"{file} is a PyTorch checkpoint; make a model directory of it with `thf convert SYSTEM {file} OUT_DIR`"
    return f"{file} is a file; a model is a folder with a config.json, or the name of a shipped one, see `thf models`"
