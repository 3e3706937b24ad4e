"""The networks that a run has trained, as others read them out of its checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from flax import linen as nn

from thf_jax.errors import InputError
from thf_jax.models import build
from thf_jax.models.animator import Animator
from thf_jax.training.checkpoints import DAMAGE, FOLDER, complete_steps, first_line, stored_arrays
from thf_jax.training.retention import chosen


def restore_animator(workdir: Path, which: str = "") -> Animator:
    """The animator of a run's newest sound checkpoint.

    Args:
        which: instead of that, `best` by the run's `evaluate.metric`, or the number of a step.

    Raises:
        InputError: no run, or no sound checkpoint in it.
    """
    config = _run_config(workdir)
    system, size, settings = config["system"], config["size"], config["model"]
    module = build(system, settings)
    problem = "there is none"
    for folder in _states(workdir, which, config):
        try:
            variables = _restore_variables(folder, module, size)
        except DAMAGE as error:
            problem = f"step {folder.parent.name}: {first_line(error)}"
            continue
        return Animator(system, size, settings, variables)
    raise InputError(f"the training run {workdir} has no complete checkpoint that can be read ({problem})")


def restore_discriminator(workdir: Path, which: str = "") -> dict[str, Any] | None:
    """The variables of the discriminator in the checkpoint that `restore_animator` gives; None where there is none."""
    if not (workdir / FOLDER).is_dir():
        return None
    for folder in _states(workdir, which, _run_config(workdir)):
        try:
            stored = stored_arrays(folder)["discriminator"]
            if not stored:
                return None
            wanted = {"discriminator": {name: stored[name] for name in ("params", "statistics")}}
            found = _restore_part(folder, jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), wanted))
        except DAMAGE:
            continue
        return {"params": found["discriminator"]["params"], **found["discriminator"]["statistics"]}
    return None


def _run_config(workdir: Path) -> dict[str, Any]:
    """What a run was configured with."""
    file = workdir / "config.json"
    if not file.is_file():
        raise InputError(f"{workdir} is not the workdir of a training run: it has no config.json")
    try:
        config = json.loads(file.read_text())
        _ = config["system"], config["size"], config["model"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not the configuration of a training run: {first_line(error)}") from error
    return config


def _states(workdir: Path, which: str, config: dict[str, Any]) -> list[Path]:
    """Where the states of the checkpoints lie that `retention.chosen` names, the first choice first."""
    folder, steps = complete_steps(workdir)
    metric = config.get("evaluate", {}).get("metric", "l1")
    return [folder / str(step) / "state" for step in chosen(folder, steps, which, metric)]


def _restore_variables(folder: Path, module: nn.Module, size: int) -> dict[str, Any]:
    """The animator's variables alone, as `TrainState.variables` chooses them, on the first device of this machine."""
    picture = jax.ShapeDtypeStruct((1, size, size, 3), "float32")
    variables = dict(jax.eval_shape(module.init, jax.random.key(0), picture, picture))
    params = variables.pop("params")
    averaged = "average" in stored_arrays(folder)
    wanted = {"average": params, "animator": {"statistics": variables}}
    if not averaged:
        wanted = {"animator": {"params": params, "statistics": variables}}
    found = _restore_part(folder, wanted)
    params = found["average"] if averaged else found["animator"]["params"]
    return {"params": params, **found["animator"]["statistics"]}


def _restore_part(folder: Path, wanted: Any) -> Any:
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    arguments = jax.tree.map(lambda x: ocp.ArrayRestoreArgs(sharding=place, global_shape=x.shape), wanted)
    return ocp.PyTreeCheckpointer().restore(
        folder, args=ocp.args.PyTreeRestore(wanted, restore_args=arguments, partial_restore=True)
    )
