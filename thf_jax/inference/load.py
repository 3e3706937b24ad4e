"""Models by name or by folder."""

import os
from pathlib import Path

from thf_jax.errors import InputError, nearest
from thf_jax.inference.assets import model_folder, model_names
from thf_jax.interop.model_directory import load_model
from thf_jax.models.animator import Animator

TORCH_SUFFIXES = (".pth", ".pt", ".tar", ".ckpt")


def load(model: str | os.PathLike[str]) -> Animator:
    """The animator of a shipped model, a model directory or a training workdir.

    Args:
        model: a folder with a `config.json`, or a shipped model's name, which comes before a folder of that name in the
            current directory: write `./name` for the folder.

    Raises:
        InputError: there is no such model, or the folder holds none.
    """
    if isinstance(model, str) and model in model_names():
        return load_model(model_folder(model))
    folder = Path(model)
    if folder.is_dir():
        return _load_folder(folder)
    if folder.is_file():
        raise InputError(_about_file(folder))
    name, shipped = os.fspath(model), model_names()
    raise InputError(f"there is no model and no folder named {name!r}{nearest(name, shipped) if shipped else ''}")


def _load_folder(folder: Path) -> Animator:
    if not (folder / "config.json").is_file():
        raise InputError(f"the folder {folder} is no model: it has no config.json")
    if not (folder / "checkpoints").is_dir():
        return load_model(folder)
    # Imported here because it takes seconds, which model directories are to be spared.
    from thf_jax.training.checkpoints import restore_animator

    return restore_animator(folder)


def _about_file(file: Path) -> str:
    if file.suffix.lower() in TORCH_SUFFIXES:
        return f"{file} is a PyTorch checkpoint; make a model directory of it with `thf convert SYSTEM {file} OUT_DIR`"
    return f"{file} is a file; a model is a folder with a config.json, or the name of a shipped one, see `thf models`"
