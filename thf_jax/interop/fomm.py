"""The published FOMM checkpoints (`vox-cpk.pth.tar` and its siblings) as models of this library."""

import functools
from collections.abc import Mapping
from typing import Any

from thf_jax.interop.conversion import Published, checkpoint_variables, convert_checkpoint
from thf_jax.interop.discriminator import patch_discriminator
from thf_jax.interop.fomm_yaml import authors_configuration
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.state_dict import Rules, generator_rules, hourglass_rules

RULES: Rules = [
    *hourglass_rules("detector/hourglass", "kp_detector.predictor"),
    ("detector/heatmaps", "kp_detector.kp"),
    ("detector/jacobians", "kp_detector.jacobian"),
    *hourglass_rules("dense_motion/hourglass", "generator.dense_motion_network.hourglass"),
    ("dense_motion/masks", "generator.dense_motion_network.mask"),
    ("dense_motion/visibility", "generator.dense_motion_network.occlusion"),
    *generator_rules("generator", "generator"),
]
DISCRIMINATOR_RULES: Rules = [
    (r"(conv|norm)(\d+)", r"discriminator.discs.1.down_blocks.\2.\1"),
    ("score", "discriminator.discs.1.conv"),
]


def _filters(settings: Mapping[str, Any]) -> dict[str, float]:
    """Torch's names of the anti-alias filters, and their scales."""
    return {
        "kp_detector.down.weight": settings["detector"]["scale"],
        "generator.dense_motion_network.down.weight": settings["dense_motion"]["scale"],
    }


FOMM = Published(
    "fomm",
    "FOMM",
    networks=lambda settings: ("kp_detector", "generator"),
    rules=lambda settings: RULES,
    align_corners=True,  # torch 1.0
    filters=_filters,
    authors=authors_configuration,
)
convert_fomm = functools.partial(convert_checkpoint, FOMM)
fomm_variables = functools.partial(checkpoint_variables, FOMM)


def discriminator_variables(
    state_dicts: Mapping[str, Any],
    discriminator: Mapping[str, Any],
    *,
    keypoints: int = 0,
    title: str = "the checkpoint",
    system: str = "FOMM",
) -> dict[str, Any]:
    """The variables of a `PatchDiscriminator`, for fine-tuning: `{"params": ...}`, and `spectral` with spectral norm.

    Args:
        state_dicts: `{"discriminator": {name: array}}`; other entries are left out.
        discriminator: the fields of `PatchDiscriminator`.
        keypoints: how many heat-maps it sees beside the image; 0 where it is not conditioned on them.
        title: the beginning of an error's sentence.
        system: whose checkpoint it is; all of the family have this discriminator.

    Raises:
        InputError: the checkpoint has no discriminator, or one of other settings.
    """
    tensors = network_tensors(state_dicts, ["discriminator"], title=title, system=system)
    return patch_discriminator(tensors, discriminator, DISCRIMINATOR_RULES, keypoints=keypoints, title=title)
