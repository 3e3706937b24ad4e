"""The recorded numbers of the original implementations: small networks of random weights, inputs and outputs.

The arrays are torch's, channels first. Where the original reads a grid, they were made under both readings of it.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

both_readings = pytest.mark.parametrize("align_corners", [True, False])


def load(reference: Path, system: str) -> dict[str, np.ndarray]:
    """Every array by its name: weights `sd/network/key`, inputs `in/...`, outputs `out/...` and `out_align1/...`."""
    with np.load(reference / "golden" / f"{system}_tiny.npz") as archive:
        return dict(archive)


def state_dicts(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """The state dictionaries by the name of their network."""
    networks: dict[str, dict[str, np.ndarray]] = {}
    for name in (name for name in arrays if name.startswith("sd/")):
        _, network, key = name.split("/")
        networks.setdefault(network, {})[key] = arrays[name]
    return networks


def image(array: np.ndarray) -> jax.Array:
    """Channels last."""
    return jnp.asarray(np.moveaxis(array, -3, -1))


def outputs(arrays: dict[str, np.ndarray]) -> set[str]:
    """The names of all outputs."""
    return {name for name in arrays if name.startswith("out")}
