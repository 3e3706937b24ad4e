"""The published Monkey-Net checkpoints as models of this library."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from thf_jax.interop.conversion import Published, checkpoint_variables, convert_checkpoint
from thf_jax.interop.discriminator import patch_discriminator
from thf_jax.interop.monkey_net_yaml import authors_configuration
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.state_dict import Rules, hourglass_rules

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


def without_time(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors, kernels [out in 1 h w] without their time axis of length 1."""
    return {name: x[:, :, 0] if x.ndim == 5 and x.shape[2] == 1 else x for name, x in tensors.items()}


MONKEY_NET = Published(
    "monkey_net",
    "Monkey-Net",
    networks=lambda settings: ("kp_detector", "generator"),
    rules=lambda settings: RULES,
    align_corners=True,  # torch 0.4
    prepared=without_time,
    authors=authors_configuration,
)
convert_monkey_net = functools.partial(convert_checkpoint, MONKEY_NET)
monkey_net_variables = functools.partial(checkpoint_variables, MONKEY_NET)


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
