"""Orbax checkpoints of a run: the state and where the data iterator stands, saved beside the computation."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import grain
import jax
import orbax.checkpoint as ocp
from flax import linen as nn

from thf_jax.errors import InputError
from thf_jax.models import build
from thf_jax.models.animator import Animator
from thf_jax.training.state import TrainState

FOLDER = "checkpoints"


_DAMAGE = (ValueError, KeyError, OSError, TypeError)
"""What Orbax raises of files that are missing, cut short or of another shape."""


def open_checkpoints(
    workdir: Path, *, keep: int | None = None, create: bool = False, read_only: bool = False
) -> ocp.CheckpointManager:
    """The checkpoints of a run, the newest `keep` of which stay (None: all).

    `create` makes the folder for them. `read_only` is for looking on while a run may be writing.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax reports every file that it writes
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=create, read_only=read_only)
    return ocp.CheckpointManager(workdir.absolute() / FOLDER, options=options)


def save(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> None:
    """Start saving the state and the iterator; `manager.wait_until_finished` waits for the files."""
    manager.save(
        int(state.step),
        args=ocp.args.Composite(state=ocp.args.StandardSave(state), data=grain.checkpoint.CheckpointSave(batches)),
    )


def restore(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> TrainState:
    """The newest sound checkpoint, placed as `state` is, the iterator set to where it stood; `state` if none is.

    It may have been written by another number of processes, on another number of devices and split otherwise. Damaged
    ones after it are deleted, since the run is about to write those steps again.

    Raises:
        InputError: checkpoints are there, and none of them fits this run.
    """
    problems = {}
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
    for step in sorted(manager.all_steps(), reverse=True):
        folder = Path(manager.directory) / str(step)
        try:
            _check_shapes(folder / "state", abstract)
            restored = manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(abstract)))["state"]
            batches.set_state(_iterator_state(folder / "data"))
        except _DAMAGE as error:
            problems[step] = _first_line(error)
            continue
        for damaged in problems:
            manager.delete(damaged)
        return restored
    if problems:
        raise InputError(
            f"none of the checkpoints in {manager.directory} fits this configuration (step {max(problems)}: "
            f"{problems[max(problems)]}); give another workdir, or the configuration that they were made with"
        )
    return state


def _iterator_state(folder: Path) -> dict[str, Any]:
    """Where the iterators stood, which is the same number of batches for every process; Grain reads back its own alone.

    Raises:
        ValueError: no process has written it.
    """
    for file in sorted(folder.glob("process_*.json")):
        return json.loads(file.read_text())
    raise ValueError("where the data iterator stood is missing")


def _check_shapes(folder: Path, abstract: TrainState) -> None:
    """Nothing, if every array of the state is stored in this shape; found out before anything is read.

    Raises:
        ValueError: an array is missing or of another shape. (Orbax would find out in the middle of its readers.)
    """
    stored = ocp.PyTreeCheckpointer().metadata(folder).item_metadata
    if stored is None:
        raise ValueError("its description of the arrays is damaged")
    shapes = {name: tuple(leaf.shape) for name, leaf in _named(stored.tree) if hasattr(leaf, "shape")}
    for name, leaf in _named(abstract):
        if shapes.get(name) != leaf.shape:
            raise ValueError(f"{name} has the shape {leaf.shape} here and {shapes.get(name, 'none')} there")


def _named(tree: Any) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda x: hasattr(x, "shape"))
    return [(jax.tree_util.keystr(path, simple=True, separator="/"), leaf) for path, leaf in leaves]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def restore_animator(workdir: Path) -> Animator:
    """The animator of a run's newest sound checkpoint.

    Raises:
        InputError: no run, or no sound checkpoint in it.
    """
    system, size, settings = _run_settings(workdir)
    module = build(system, settings)
    with open_checkpoints(workdir, read_only=True) as manager:
        steps, folder = sorted(manager.all_steps(), reverse=True), manager.directory
    problem = "there is none"
    for step in steps:
        try:
            variables = _restore_variables(Path(folder) / str(step) / "state", module, size)
        except _DAMAGE as error:
            problem = f"step {step}: {_first_line(error)}"
            continue
        return Animator(system, size, settings, variables)
    raise InputError(f"the training run {workdir} has no complete checkpoint that can be read ({problem})")


def _run_settings(workdir: Path) -> tuple[str, int, dict[str, Any]]:
    """System, size and model settings of a run."""
    file = workdir / "config.json"
    if not file.is_file():
        raise InputError(f"{workdir} is not the workdir of a training run: it has no config.json")
    try:
        config = json.loads(file.read_text())
        return config["system"], config["size"], config["model"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not the configuration of a training run: {_first_line(error)}") from error


def _restore_variables(folder: Path, module: nn.Module, size: int) -> dict[str, Any]:
    """The animator's variables alone, without the optimiser's state, on the first device of this machine."""
    picture = jax.ShapeDtypeStruct((1, size, size, 3), "float32")
    variables = dict(jax.eval_shape(module.init, jax.random.key(0), picture, picture))
    wanted = {"animator": {"params": variables.pop("params"), "statistics": variables}}
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    arguments = jax.tree.map(lambda x: ocp.ArrayRestoreArgs(sharding=place, global_shape=x.shape), wanted)
    found = ocp.PyTreeCheckpointer().restore(
        folder, args=ocp.args.PyTreeRestore(wanted, restore_args=arguments, partial_restore=True)
    )["animator"]
    return {"params": found["params"], **found["statistics"]}
