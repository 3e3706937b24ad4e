"""Orbax checkpoints of a run: the state and where the data iterator stands, saved beside the computation."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import grain
import jax
import orbax.checkpoint as ocp

from thf_jax.errors import InputError
from thf_jax.models import build
from thf_jax.models.animator import Animator
from thf_jax.training.state import TrainState

FOLDER = "checkpoints"


def open_checkpoints(workdir: Path, *, keep: int | None = None, create: bool = False) -> ocp.CheckpointManager:
    """The checkpoints of a run, the newest `keep` of which stay (None: all). `create` makes the folder for them."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=create)
    return ocp.CheckpointManager(workdir.absolute() / FOLDER, options=options)


def save(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> None:
    """Start saving the state and the iterator; `manager.wait_until_finished` waits for the files."""
    manager.save(
        int(state.step),
        args=ocp.args.Composite(state=ocp.args.StandardSave(state), data=grain.checkpoint.CheckpointSave(batches)),
    )


def restore(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> TrainState:
    """The newest complete checkpoint, on the devices of `state`, the iterator set to where it stood; `state` if none is.

    Raises:
        InputError: checkpoints are there, and none of them fits this run.
    """
    problems = []
    for step in sorted(manager.all_steps(), reverse=True):
        abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract), data=grain.checkpoint.CheckpointRestore(batches)
        )
        try:
            return manager.restore(step, args=arguments)["state"]
        except (ValueError, KeyError, OSError, TypeError) as error:
            problems.append(f"step {step}: {str(error).splitlines()[0]}")
    if problems:
        raise InputError(
            f"none of the checkpoints in {manager.directory} fits this configuration ({'; '.join(problems)}); "
            "give another workdir, or the configuration that they were made with"
        )
    return state


def restore_animator(workdir: Path) -> Animator:
    """The animator of a run's newest checkpoint.

    Raises:
        InputError: no run, or no complete checkpoint in it.
    """
    config_file = workdir / "config.json"
    if not config_file.is_file():
        raise InputError(f"{workdir} is not the workdir of a training run: it has no config.json")
    config = json.loads(config_file.read_text())
    manager = open_checkpoints(workdir)
    step = manager.latest_step()
    if step is None:
        raise InputError(f"the training run {workdir} has no complete checkpoint yet")
    system, size, settings = config["system"], config["size"], config["model"]
    module = build(system, settings)
    picture = jax.ShapeDtypeStruct((1, size, size, 3), "float32")
    variables = dict(jax.eval_shape(module.init, jax.random.key(0), picture, picture))
    wanted = {"animator": {"params": variables.pop("params"), "statistics": variables}}
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    restore_arguments = jax.tree.map(lambda x: ocp.ArrayRestoreArgs(sharding=place, global_shape=x.shape), wanted)
    found = ocp.PyTreeCheckpointer().restore(
        manager.directory / str(step) / "state",
        args=ocp.args.PyTreeRestore(wanted, restore_args=restore_arguments, partial_restore=True),
    )["animator"]
    return Animator(system, size, settings, {"params": found["params"], **found["statistics"]})
