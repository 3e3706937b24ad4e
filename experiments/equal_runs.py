"""Whether two runs ended alike, bit for bit."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from thf_jax.training.checkpoints import FOLDER


class UnequalError(RuntimeError):
    """A run that was killed did not go on from where it should, or ended otherwise than one that was not."""


def complete(workdir: Path) -> list[int]:
    """The steps of the checkpoints under their final names, which Orbax gives them when they are complete."""
    return [int(path.name) for path in (workdir / FOLDER).glob("*") if path.name.isdecimal()]


def stored_arrays(checkpoint: Path) -> Any:
    """The state in a checkpoint as NumPy arrays, in nested dictionaries."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax misses files that are not needed
    checkpointer = ocp.PyTreeCheckpointer()
    described: Any = checkpointer.metadata(checkpoint / "state").item_metadata
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), described.tree)
    return checkpointer.restore(checkpoint / "state", args=ocp.args.PyTreeRestore(restore_args=as_numpy))


def last_checkpoint(workdir: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Every array of the newest checkpoint by its name, and where the data's iterator stands."""
    checkpoint = workdir.absolute() / FOLDER / str(max(complete(workdir)))
    leaves = jax.tree_util.tree_leaves_with_path(stored_arrays(checkpoint))
    named = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
    data = {file.name: json.loads(file.read_text()) for file in sorted((checkpoint / "data").glob("*.json"))}
    if not named or not data:
        raise UnequalError(f"the checkpoint {checkpoint} has no arrays, or no iterator")
    return named, data


def compare(first: Path, second: Path) -> str:
    """A sentence on what is equal in the last checkpoints of two runs.

    Raises:
        UnequalError: something is not.
    """
    (ours, our_data), (theirs, their_data) = last_checkpoint(first), last_checkpoint(second)
    if ours.keys() != theirs.keys() or our_data != their_data:
        raise UnequalError("the runs ended with other arrays, or at another place in the data")
    for name, array in ours.items():
        if array.dtype != theirs[name].dtype or array.tobytes() != theirs[name].tobytes():
            raise UnequalError(f"{name} differs from that of the run that was not killed")
    numbers = sum(array.size for array in ours.values())
    return f"{len(ours)} arrays of {numbers:,} numbers and the data's iterator are equal, bit for bit"
