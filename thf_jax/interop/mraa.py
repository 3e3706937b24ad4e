"""The published MRAA checkpoints (`vox256.pth` and its siblings) as models of this library."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thf_jax.interop.conversion import convert_checkpoint
from thf_jax.interop.mraa_yaml import authors_configuration
from thf_jax.interop.networks import flatten, network_tensors
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import Rules, convert, hourglass_rules, to_device
from thf_jax.models import Settings

_AVD = {"identity_encoder": "id_encoder", "pose_encoder": "pose_encoder", "decoder": "decoder"}
RULES: Rules = [
    *hourglass_rules("detector/hourglass", "region_predictor.predictor"),
    ("detector/heatmaps", "region_predictor.regions"),
    ("detector/jacobians", "region_predictor.jacobian"),
    *hourglass_rules("dense_motion/hourglass", "generator.pixelwise_flow_predictor.hourglass"),
    ("dense_motion/masks", "generator.pixelwise_flow_predictor.mask"),
    ("dense_motion/visibility", "generator.pixelwise_flow_predictor.occlusion"),
    (r"generator/first/(conv|norm)", r"generator.first.\1"),
    ("generator/final", "generator.final"),
    (r"generator/(down|up)_(\d+)/(conv|norm)", r"generator.\1_blocks.\2.\3"),
    (r"generator/residual_(\d+)/(conv[12]|norm[12])", r"generator.bottleneck.r\1.\2"),
    (r"background/encoder/down(\d+)/(conv|norm)", r"bg_predictor.encoder.down_blocks.\1.\2"),
    ("background/entries", "bg_predictor.fc"),
    # In torch's lists a layer, its batch norm and its ReLU count one after the other.
    *((f"avd/{ours}/layer{i}", f"avd_network.{theirs}.{3 * i}") for ours, theirs in _AVD.items() for i in range(4)),
    *((f"avd/{ours}/norm{i}", f"avd_network.{theirs}.{3 * i + 1}") for ours, theirs in _AVD.items() for i in range(3)),
]
_NETWORKS = {"background": "bg_predictor", "avd": "avd_network"}
"""Of the parts that a model may lack."""


def convert_mraa(
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool = False,
) -> Path:
    """The model directory made of a published checkpoint; its optimisers and epochs are left out.

    A checkpoint that has no AVD network, or no background predictor, makes a model without it.

    Args:
        checkpoint: `.pth`, or a safetensors file of the same names.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        align_corners: how the warps read their grids. The authors trained with False (torch 1.4).

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    return convert_checkpoint(
        "mraa",
        checkpoint,
        out_dir,
        mraa_variables,
        align_corners=align_corners,
        yaml=yaml,
        authors=authors_configuration,
        seen=settings_seen,
    )


def settings_seen(state_dicts: Mapping[str, Any]) -> Settings:
    """None for each part whose network the checkpoint does not have."""
    flat = flatten(state_dicts)
    missing = (part for part, name in _NETWORKS.items() if not any(key.startswith(f"{name}.") for key in flat))
    return dict.fromkeys(missing)


def mraa_variables(
    state_dicts: Mapping[str, Any],
    settings: Settings,
    *,
    size: int = 256,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """MRAA's variables, `{"params": ..., "batch_stats": ...}`, filled from torch's state dictionaries.

    Args:
        state_dicts: `{"region_predictor": {name: array}, "generator": ..., "bg_predictor": ..., "avd_network": ...}`;
            other entries are left out, and so are those of the parts that the settings switch off.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures.
        title, advice: the beginning and the end of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape, or the anti-alias filters are others.
    """
    full = complete("mraa", settings)
    networks = ["region_predictor", "generator"]
    networks += [network for part, network in _NETWORKS.items() if full[part] is not None]
    tensors = network_tensors(state_dicts, networks, title=title, system="MRAA")
    scales = {
        "region_predictor.down.weight": full["detector"]["scale"],
        "generator.pixelwise_flow_predictor.down.weight": full["dense_motion"]["scale"],
    }
    filters = {name: scale for name, scale in scales.items() if scale != 1}
    shapes = variable_shapes("mraa", settings, size)
    return to_device(convert(tensors, shapes, RULES, filters=filters, title=title, advice=advice))
