"""Orbax checkpoints of a run: the state and where the data iterator stands, saved beside the computation."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grain
import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy

from thf_jax.errors import InputError
from thf_jax.training.agreement import everyone, of_the_first
from thf_jax.training.retention import clear_leftovers
from thf_jax.training.state import TrainState

FOLDER = "checkpoints"

DAMAGE = (ValueError, KeyError, OSError, TypeError)
"""What Orbax raises of files that are missing, cut short or of another shape."""


def open_checkpoints(
    workdir: Path, *, keep: AnyPreservationPolicy | None = None, create: bool = False, read_only: bool = False
) -> ocp.CheckpointManager:
    """The checkpoints of a run, of which those stay that `keep` says (None: all).

    `create` is for the run itself: it makes the folder for them, and clears away what an earlier start of the run left
    half-written when it was killed. `read_only` is for looking on while a run may be writing.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax reports every file that it writes
    folder = workdir.absolute() / FOLDER
    if create and jax.process_index() == 0:
        clear_leftovers(folder)
    options = ocp.CheckpointManagerOptions(
        preservation_policy=keep,
        create=create,
        read_only=read_only,
        lightweight_initialize=read_only,  # scores are of use to `keep` alone
        best_fn=lambda scores: scores["l1"],  # not called: it makes Orbax store scores, which `keep` ranks itself
    )
    return _Manager(folder, options=options)


class _Manager(ocp.CheckpointManager):
    """Orbax's, but for its questions to JAX's preemption service, which `preemption` alone may count up."""

    def reached_preemption(self, step: int) -> bool:
        """Never: the run itself saves when it is asked to stop."""
        return False


def complete_steps(workdir: Path) -> tuple[Path, list[int]]:
    """The folder of a run's checkpoints, and the steps of those that were written to their end."""
    with open_checkpoints(workdir, read_only=True) as manager:
        folder, steps = Path(manager.directory), manager.all_steps()
    return folder, sorted(step for step in steps if any((folder / str(step)).iterdir()))


def save(
    manager: ocp.CheckpointManager, state: TrainState, batches: Any, scores: Mapping[str, float] | None = None
) -> None:
    """Start saving the state and the iterator; `manager.wait_until_finished` waits for the files.

    Args:
        scores: of an evaluation of this very state, by the names of `evaluation.metrics`.
    """
    # `force`, because Orbax would else pass over this step while the save before is not yet done.
    manager.save(
        int(state.step),
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(_fields(state)), data=grain.checkpoint.CheckpointSave(batches)
        ),
        metrics=scores,
        force=True,
    )


def restore(manager: ocp.CheckpointManager, state: TrainState, batches: Any) -> TrainState | None:
    """The newest sound checkpoint, placed as `state` is, the iterator set to where it stood; None without any.

    It may have been written by another number of processes, on another number of devices and split otherwise. Damaged
    ones after it are deleted, since the run is about to write those steps again. The first process chooses, and what
    one of them cannot read counts as damaged for all.

    Args:
        state: of arrays, or of their shapes and shardings.

    Raises:
        InputError: checkpoints are there, and none of them fits this run.
    """
    problems = {}
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), _fields(state))
    while (step := _newest(manager, problems)) is not None:
        _, problem = _of_all(_check_shapes, Path(manager.directory) / str(step) / "state", abstract)
        if not problem:
            restored, problem = _of_all(_read, manager, step, abstract, batches)
            if not problem:
                for damaged in problems:
                    manager.delete(damaged)
                return restored
        problems[step] = problem
    if problems:
        raise InputError(
            f"none of the checkpoints in {manager.directory} fits this configuration (step {max(problems)}: "
            f"{problems[max(problems)]}); give another workdir, or the configuration that they were made with"
        )
    return None


def _newest(manager: ocp.CheckpointManager, without: Mapping[int, Any]) -> int | None:
    """The step of the newest checkpoint that the first process sees besides these."""
    step = of_the_first(max((step for step in manager.all_steps() if step not in without), default=-1), "a checkpoint")
    return step if step >= 0 else None


def _of_all(action: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """What this gives, and an empty text; or None, and what is wrong with the files for this process or another one."""
    result, problem = None, ""
    try:
        result = action(*arguments)
    except DAMAGE as error:
        problem = first_line(error)
    if everyone(not problem, "what was read"):
        return result, ""
    return None, problem or "another process cannot read it"


def _read(manager: ocp.CheckpointManager, step: int, abstract: dict[str, Any], batches: Any) -> TrainState:
    arguments = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
    restored = TrainState(**manager.restore(step, args=arguments)["state"])
    batches.set_state(_iterator_state(Path(manager.directory) / str(step) / "data"))
    return restored


def _fields(state: TrainState) -> dict[str, Any]:
    """A state as it is stored: of an average that is not kept there is no trace, as in runs that knew of none."""
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    return {name: value for name, value in fields.items() if name != "average" or value is not None}


def stored_arrays(folder: Path) -> dict[str, Any]:
    """What is stored in a checkpoint, without the numbers.

    Raises:
        ValueError: its description is damaged.
    """
    stored = ocp.PyTreeCheckpointer().metadata(folder).item_metadata
    if stored is None:
        raise ValueError("its description of the arrays is damaged")
    return stored.tree


def _iterator_state(folder: Path) -> dict[str, Any]:
    """Where the iterators stood, which is the same number of batches for every process; Grain reads back its own alone.

    Raises:
        ValueError: no process has written it.
    """
    for file in sorted(folder.glob("process_*.json")):
        return json.loads(file.read_text())
    raise ValueError("where the data iterator stood is missing")


def _check_shapes(folder: Path, abstract: dict[str, Any]) -> None:
    """Nothing, if every array of the state is stored in this shape; found out before anything is read.

    Raises:
        ValueError: an array is missing or of another shape. (Orbax would find out in the middle of its readers.)
    """
    shapes = {name: tuple(leaf.shape) for name, leaf in _named(stored_arrays(folder)) if hasattr(leaf, "shape")}
    for name, leaf in _named(abstract):
        if shapes.get(name) != leaf.shape:
            raise ValueError(f"{name} has the shape {leaf.shape} here and {shapes.get(name, 'none')} there")


def _named(tree: Any) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda x: hasattr(x, "shape"))
    return [(jax.tree_util.keystr(path, simple=True, separator="/"), leaf) for path, leaf in leaves]


def first_line(error: Exception) -> str:
    """What an error says first, or its name where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
