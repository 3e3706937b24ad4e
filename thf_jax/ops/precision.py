"""Where numbers of few digits become exact again."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def at_least_float32(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """The numbers in float32 where they have fewer digits, else as they are.

    Features may be bfloat16. Positions, shares that sum to 1, pixels and losses may not.
    """
    return x if jnp.finfo(x.dtype).bits >= 32 else x.astype(jnp.float32)
