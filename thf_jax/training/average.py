"""An average of the parameters over the steps, which often makes the better pictures."""

from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Int


def moved_average(average: Any, params: Any, step: Int[Array, ""], decay: float) -> Any:
    """The average d * average + (1 - d) * params, with d = min(decay, (1 + step) / (10 + step)).

    The average starts as the parameters before the first step. So that these random ones do not stay in it for
    1 / (1 - decay) steps, the decay rises to its value; no other correction is needed.

    Args:
        params: after the step.
        step: the number of steps before it.
    """
    taken = step.astype(jnp.float32)
    return optax.incremental_update(params, average, 1 - jnp.minimum(decay, (1 + taken) / (10 + taken)))
