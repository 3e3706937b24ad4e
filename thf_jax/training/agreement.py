"""What the processes of a run agree on before they act: one that decides by itself leaves the others waiting."""

from __future__ import annotations

import hashlib
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from thf_jax.errors import InputError
from thf_jax.training.parallel import wait_for_all


def gathered(values: np.ndarray, reason: str) -> np.ndarray:
    """The arrays that the processes give for this reason, [processes ...] in their order; the same for all of them.

    The shape is the same everywhere. Numbers of 64 bits lose half of these.
    """
    if jax.process_count() == 1:
        return values[None]
    wait_for_all(reason)
    return np.asarray(multihost_utils.process_allgather(values))


def everyone(succeeded: bool, reason: str) -> bool:
    """Whether all processes have succeeded in this."""
    return bool(gathered(np.array(succeeded), reason).all())


def of_the_first(number: int, reason: str) -> int:
    """The number that the first process gives, below 2^31."""
    return int(gathered(np.array(number, np.int32), reason)[0])


def check_alike(**things: str) -> None:
    """Nothing, if all processes have the same texts.

    Args:
        things: texts by what they stand for; an underscore in a name is a space.

    Raises:
        InputError: one is not the same everywhere, so that the processes would work at different runs.
    """
    for name, text in things.items():
        digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint32)
        found, what = gathered(digest, f"the {name}"), name.replace("_", " ")
        if (found != found[0]).any():
            others = ", ".join(str(number) for number in np.flatnonzero((found != found[0]).any(-1)))
            raise InputError(f"process {others} differs from process 0 in its {what}: give all of them the same")


def fingerprint(tree: Any) -> str:
    """A text that is another one for other numbers in the pytree, which this process has whole."""
    if jax.process_count() == 1:  # there is nobody to compare with
        return ""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
