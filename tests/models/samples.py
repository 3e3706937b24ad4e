"""Small parts of the models, random variables for them, and pictures."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thf_jax.types import Keypoints

SMALL = {"width": 2, "depth": 1, "most": 4}


def pictures(count: int, size: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).uniform(0, 1, (count, size, size, 3)), jnp.float32)


def keypoints(batch: int, count: int = 3, seed: int = 0) -> Keypoints:
    random = np.random.default_rng(seed)
    position = random.uniform(-0.8, 0.8, (batch, count, 2))
    jacobian = np.eye(2) + random.uniform(-0.3, 0.3, (batch, count, 2, 2))
    return Keypoints(jnp.asarray(position, jnp.float32), jnp.asarray(jacobian, jnp.float32))


def random_variables(init: Any, *arguments: Any) -> Any:
    """Variables of the shapes that `init` gives, so that every output depends on every input. Nothing is compiled.

    Scales and variances lie around 1, everything else around 0.
    """
    random = np.random.default_rng(0)

    def fill(path: tuple, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        centre = 1.0 if path[-1].key in ("scale", "var") else 0.0
        return jnp.asarray(centre + random.uniform(-0.3, 0.3, leaf.shape), leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, jax.eval_shape(init, jax.random.key(0), *arguments))
