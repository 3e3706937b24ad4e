"""The published Monkey-Net checkpoints as models of this library."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thf_jax.interop.conversion import convert_checkpoint
from thf_jax.interop.discriminator import patch_discriminator
from thf_jax.interop.monkey_net_yaml import authors_configuration
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.shapes import variable_shapes
from thf_jax.interop.state_dict import Rules, convert, hourglass_rules, to_device
from thf_jax.models import Settings

RULES: Rules = [
    *hourglass_rules("detector/hourglass", "kp_detector.predictor"),
    ("detector/heatmaps", "kp_detector.predictor.decoder.conv"),
    *hourglass_rules("dense_motion/hourglass", "generator.dense_motion_module.hourglass"),
    ("dense_motion/masks", "generator.dense_motion_module.hourglass.decoder.conv"),
    (r"dense_motion/group(\d+)/(conv|norm)", r"generator.dense_motion_module.group_blocks.\1.\2"),
    (r"generator/encoder/down(\d+)/(conv|norm)", r"generator.appearance_encoder.down_blocks.\1.\2"),
    (r"generator/decoder/up(\d+)/(conv|norm)", r"generator.video_decoder.up_blocks.\1.\2"),
    (r"generator/refinement_(\d+)/(conv[12]|norm[12])", r"generator.refinement_module.r\1.\2"),
    ("generator/final", "generator.refinement_module.conv-last"),
]
DISCRIMINATOR_RULES: Rules = [
    (r"(conv|norm)(\d+)", r"discriminator.down_blocks.\2.\1"),
    ("score", "discriminator.conv"),
]


def convert_monkey_net(
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool = True,
) -> Path:
    """The model directory made of a published checkpoint; its optimisers, discriminator and epoch are left out.

    Args:
        checkpoint: `.pth.tar`, or a safetensors file of the same names.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        align_corners: how the warps read their grids. The authors trained with True (torch 0.4).

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    return convert_checkpoint(
        "monkey_net",
        checkpoint,
        out_dir,
        monkey_net_variables,
        align_corners=align_corners,
        yaml=yaml,
        authors=authors_configuration,
    )


def without_time(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors, kernels [out in 1 h w] without their time axis of length 1."""
    return {name: x[:, :, 0] if x.ndim == 5 and x.shape[2] == 1 else x for name, x in tensors.items()}


def monkey_net_variables(
    state_dicts: Mapping[str, Any],
    settings: Settings,
    *,
    size: int = 256,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """Monkey-Net's variables, `{"params": ..., "batch_stats": ...}`, filled from torch's state dictionaries.

    Args:
        state_dicts: `{"kp_detector": {name: array}, "generator": {name: array}}`; other entries are left out.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures.
        title, advice: the beginning and the end of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape.
    """
    tensors = network_tensors(state_dicts, ["kp_detector", "generator"], title=title, system="Monkey-Net")
    shapes = variable_shapes("monkey_net", settings, size)
    return to_device(convert(without_time(tensors), shapes, RULES, title=title, advice=advice))


def discriminator_variables(
    state_dicts: Mapping[str, Any],
    discriminator: Mapping[str, Any],
    *,
    keypoints: int,
    title: str = "the checkpoint",
) -> dict[str, Any]:
    """The variables of a `PatchDiscriminator`, for fine-tuning: `{"params": ...}`.

    Args:
        state_dicts: `{"discriminator": {name: array}}`; other entries are left out.
        discriminator: the fields of `PatchDiscriminator`; the published one has a `pool_last`.
        keypoints: how many heat-maps it sees beside the image.
        title: the beginning of an error's sentence.

    Raises:
        InputError: the checkpoint has no discriminator, or one of other settings.
    """
    tensors = without_time(network_tensors(state_dicts, ["discriminator"], title=title, system="Monkey-Net"))
    return patch_discriminator(tensors, discriminator, DISCRIMINATOR_RULES, keypoints=keypoints, title=title)
