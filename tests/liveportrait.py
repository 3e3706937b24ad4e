"""What the tests of LivePortrait share: recorded numbers of the original implementation."""

import functools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thf_jax.interop.liveportrait import liveportrait_variables


@functools.cache
def recorded(reference: Path) -> dict[str, np.ndarray]:
    """Every array of the recording by name; torch's, channels first. None is written to."""
    with np.load(reference / "golden" / "liveportrait_tiny.npz") as archive:
        return dict(archive)


@functools.cache
def configuration(reference: Path) -> dict[str, Any]:
    """The fields of the recorded networks, and the flags of every recorded run of the pipeline."""
    return json.loads(str(recorded(reference)["config_json"]))


SETTINGS = {
    "extractor": {"depths": (1, 1, 2, 1), "widths": (8, 16, 24, 32)},
    "appearance": {"width": 4, "most": 32, "channels": 8, "volume_depth": 4, "residual_blocks": 2},
    "dense_motion": {"width": 4, "most": 16, "depth": 3, "compressed": 2},
    "generator": {"width": 4, "last_width": 8},
}
"""Of the recorded networks; pictures of 64 pixels become 128."""


@functools.cache
def variables(reference: Path) -> dict[str, Any]:
    """The recorded networks' weights."""
    networks: dict[str, dict[str, np.ndarray]] = {}
    for name in (name for name in recorded(reference) if name.startswith("sd/")):
        _, network, *rest = name.split("/")
        networks.setdefault(network, {})[".".join(rest)] = recorded(reference)[name]
    return liveportrait_variables(networks, SETTINGS, size=64)


def images(array: np.ndarray) -> jax.Array:
    """Channels last; bytes brought to [0, 1]."""
    pixels = np.moveaxis(array, -3, -1)
    return jnp.asarray(pixels.astype(np.float32) / 255 if pixels.dtype == np.uint8 else pixels)
