"""The published MRAA checkpoints (`vox256.pth` and its siblings) as models of this library."""

import functools
from collections.abc import Mapping
from typing import Any

from thf_jax.interop.conversion import Published, checkpoint_variables, convert_checkpoint
from thf_jax.interop.mraa_yaml import authors_configuration
from thf_jax.interop.networks import flatten
from thf_jax.interop.state_dict import Rules, generator_rules, hourglass_rules
from thf_jax.models import Settings

_AVD = {"identity_encoder": "id_encoder", "pose_encoder": "pose_encoder", "decoder": "decoder"}
RULES: Rules = [
    *hourglass_rules("detector/hourglass", "region_predictor.predictor"),
    ("detector/heatmaps", "region_predictor.regions"),
    ("detector/jacobians", "region_predictor.jacobian"),
    *hourglass_rules("dense_motion/hourglass", "generator.pixelwise_flow_predictor.hourglass"),
    ("dense_motion/masks", "generator.pixelwise_flow_predictor.mask"),
    ("dense_motion/visibility", "generator.pixelwise_flow_predictor.occlusion"),
    *generator_rules("generator", "generator"),
    (r"background/encoder/down(\d+)/(conv|norm)", r"bg_predictor.encoder.down_blocks.\1.\2"),
    ("background/entries", "bg_predictor.fc"),
    # In torch's lists a layer, its batch norm and its ReLU count one after the other.
    *((f"avd/{ours}/layer{i}", f"avd_network.{theirs}.{3 * i}") for ours, theirs in _AVD.items() for i in range(4)),
    *((f"avd/{ours}/norm{i}", f"avd_network.{theirs}.{3 * i + 1}") for ours, theirs in _AVD.items() for i in range(3)),
]
_NETWORKS = {"background": "bg_predictor", "avd": "avd_network"}
"""Of the parts that a model may lack."""


def settings_seen(state_dicts: Mapping[str, Any]) -> Settings:
    """None for each part whose network the checkpoint does not have."""
    flat = flatten(state_dicts)
    missing = (part for part, name in _NETWORKS.items() if not any(key.startswith(f"{name}.") for key in flat))
    return dict.fromkeys(missing)


def _networks(settings: Mapping[str, Any]) -> list[str]:
    return ["region_predictor", "generator", *(name for part, name in _NETWORKS.items() if settings[part] is not None)]


def _filters(settings: Mapping[str, Any]) -> dict[str, float]:
    """Torch's names of the anti-alias filters, and their scales."""
    return {
        "region_predictor.down.weight": settings["detector"]["scale"],
        "generator.pixelwise_flow_predictor.down.weight": settings["dense_motion"]["scale"],
    }


MRAA = Published(
    "mraa",
    "MRAA",
    networks=_networks,
    rules=lambda settings: RULES,
    align_corners=False,  # torch 1.4
    filters=_filters,
    authors=authors_configuration,
    seen=settings_seen,
)
convert_mraa = functools.partial(convert_checkpoint, MRAA)
mraa_variables = functools.partial(checkpoint_variables, MRAA)
