"""The networks in a checkpoint: which state dictionaries it holds, and whose they are if not the wanted ones."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from thf_jax.errors import InputError

_TELLTALES = {
    "MRAA": "region_predictor",
    "face vid2vid": "he_estimator",
    "LivePortrait": "motion_extractor",
    "thin-plate-spline motion": "inpainting_network",
    "Monkey-Net": "generator.appearance_encoder",
    "X2Face": ("state_dict.pix2pixUnwrapped", "pix2pixUnwrapped"),
}
"""How a name begins that is in one system's checkpoints only."""


def network_tensors(checkpoint: Any, networks: Iterable[str], *, title: str, system: str) -> dict[str, np.ndarray]:
    """The tensors of the networks by their dotted names, `generator.final.weight`; nothing else of the checkpoint.

    Args:
        checkpoint: `{network: {name: array}}`, or flat with dotted names as in a safetensors file.
        networks: what must be there.
        title: what the sentence of an error calls the checkpoint.
        system: the name of the system that they make up.

    Raises:
        InputError: a network is not there, or holds other things than tensors.
    """
    flat = flatten(checkpoint)
    networks = list(networks)
    missing = [name for name in networks if not any(key.startswith(f"{name}.") for key in flat)]
    other = whose(flat)
    if missing or (other is not None and other != system):
        guess = f"; it looks like a checkpoint of {other}" if other else f"; it has {_names(checkpoint)}"
        raise InputError(f"{title} is no {system} checkpoint: it needs {' and '.join(networks)}{guess}")
    found = {key: value for key, value in flat.items() if key.startswith(tuple(f"{name}." for name in networks))}
    for key, value in found.items():
        if not isinstance(value, np.ndarray):
            raise InputError(f"{title} has a {type(value).__name__} where {key} should be a tensor")
    return found


def flatten(checkpoint: Any) -> dict[str, Any]:
    """The values of a dictionary of dictionaries by their dotted names; deeper ones stay as they are."""
    flat = {}
    for key, value in checkpoint.items() if isinstance(checkpoint, Mapping) else ():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            flat[str(key)] = value
    return flat


def whose(flat: Mapping[str, Any]) -> str | None:
    """The system that the dotted names of a checkpoint give away; None if they don't."""
    return next((system for system, start in _TELLTALES.items() if any(key.startswith(start) for key in flat)), None)


def _names(checkpoint: Any) -> str:
    if not isinstance(checkpoint, Mapping):
        return f"only a {type(checkpoint).__name__}"
    names = sorted({str(key).split(".")[0] for key in checkpoint})
    return ", ".join(names[:8]) + (" and more" if len(names) > 8 else "") if names else "nothing"
