"""What becomes of a step whose numbers are not finite."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.training.state import TrainState

POLICIES = ("stop", "skip")
"""End the run at such a step, or go on as if its batch had not been there."""


def skip_nonfinite(before: TrainState, after: TrainState, numbers: Any) -> tuple[TrainState, Float[Array, ""]]:
    """The state after a step if all these numbers of it are finite, else that before it; and 0, or 1 if it was skipped.

    The count of steps goes on in either case. The optimiser's own does not, so a schedule waits.
    """
    finite = jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves(numbers)]).all()
    kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, before)
    return dataclasses.replace(kept, step=after.step), 1 - finite.astype(jnp.float32)
