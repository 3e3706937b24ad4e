"""The published FOMM checkpoints (`vox-cpk.pth.tar` and its siblings) as models of this library."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from thf_jax.interop.fomm_yaml import authors_configuration, published_configuration
from thf_jax.interop.model_card import converted_card
from thf_jax.interop.model_directory import check_target, save_model
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import Rules, convert, hourglass_rules, to_device
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.models.animator import Animator
from thf_jax.nn.discriminator import PatchDiscriminator

RULES: Rules = [
    *hourglass_rules("detector/hourglass", "kp_detector.predictor"),
    ("detector/heatmaps", "kp_detector.kp"),
    ("detector/jacobians", "kp_detector.jacobian"),
    *hourglass_rules("dense_motion/hourglass", "generator.dense_motion_network.hourglass"),
    ("dense_motion/masks", "generator.dense_motion_network.mask"),
    ("dense_motion/visibility", "generator.dense_motion_network.occlusion"),
    (r"generator/first/(conv|norm)", r"generator.first.\1"),
    ("generator/final", "generator.final"),
    (r"generator/(down|up)_(\d+)/(conv|norm)", r"generator.\1_blocks.\2.\3"),
    (r"generator/residual_(\d+)/(conv[12]|norm[12])", r"generator.bottleneck.r\1.\2"),
]
DISCRIMINATOR_RULES: Rules = [
    (r"(conv|norm)(\d+)", r"discriminator.discs.1.down_blocks.\2.\1"),
    ("score", "discriminator.discs.1.conv"),
]
_YAML_ADVICE = "; if it was not trained with the published VoxCeleb configuration, give the authors' YAML file"


def convert_fomm(
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool = True,
) -> Path:
    """The model directory made of a published checkpoint; its optimisers, discriminator and epoch are left out.

    Args:
        checkpoint: `.pth.tar` of any torch version from 0.1.10 on, or a safetensors file of the same names.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        align_corners: how the warps read their grids. The authors trained with True (torch 1.0); False is what the same
            weights give under torch 1.3 and later.

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    check_target(out_dir)
    configuration = published_configuration() if yaml is None else authors_configuration(yaml)
    settings = complete("fomm", configuration.settings)
    for part in ("dense_motion", "generator"):
        settings[part]["align_corners"] = align_corners
    advice = _YAML_ADVICE if yaml is None else ""
    variables = fomm_variables(
        read_checkpoint(checkpoint), settings, size=configuration.size, title=str(checkpoint), advice=advice
    )
    card = converted_card(
        "fomm",
        Path(checkpoint),
        settings_from="the published VoxCeleb configuration" if yaml is None else f"`{Path(yaml).name}`",
        align_corners=align_corners,
    )
    return save_model(out_dir, Animator("fomm", configuration.size, settings, variables), card)


def fomm_variables(
    state_dicts: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
    *,
    size: int = 256,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """FOMM's variables, `{"params": ..., "batch_stats": ...}`, filled from torch's state dictionaries.

    Args:
        state_dicts: `{"kp_detector": {name: array}, "generator": {name: array}}`; other entries are left out.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures; any multiple of 2^depth / scale gives the same variables.
        title, advice: the beginning and the end of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape, or the anti-alias filters are others.
    """
    tensors = network_tensors(state_dicts, ["kp_detector", "generator"], title=title, system="FOMM")
    shapes, filters = variable_shapes("fomm", settings, size), _filters(complete("fomm", settings))
    variables = convert(tensors, shapes, RULES, filters=filters, title=title, advice=advice)
    return to_device(variables)


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
    module = PatchDiscriminator(**discriminator)
    # The smallest image that leaves one number after all convolutions without padding.
    size = 4
    for _ in range(module.depth - 1):
        size = 2 * size + 3
    image = jax.ShapeDtypeStruct((1, size, size, 3 + keypoints), jnp.float32)
    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), image)
    return to_device(convert(tensors, shapes, DISCRIMINATOR_RULES, title=title))


def _filters(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Torch's names of the anti-alias filters, and their scales; with a scale of 1 there is none."""
    scales = {
        "kp_detector.down.weight": settings["detector"]["scale"],
        "generator.dense_motion_network.down.weight": settings["dense_motion"]["scale"],
    }
    return {name: scale for name, scale in scales.items() if scale != 1}
