"""The checkpoints of face vid2vid's public implementation, both generations, as models of this library."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thf_jax.interop.face_vid2vid_yaml import authors_configuration
from thf_jax.interop.model_card import converted_card
from thf_jax.interop.model_directory import check_target, save_model
from thf_jax.interop.networks import flatten, network_tensors
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import Rules, convert, to_device
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.interop.volume_rules import appearance_rules, dense_motion_rules, flattening_rules, spade_rules
from thf_jax.models.animator import Animator
from thf_jax.models.head_estimator import STAGES

_NETWORKS = ("kp_detector", "he_estimator", "generator")
_ADVICE = "; if it was not trained with the published VoxCeleb configuration, give the authors' YAML file"


def _estimator_rules() -> Rules:
    """Torch counts the blocks that halve the map and the groups of those that keep it: block1.b1_0, ..., block2, ..."""
    rules, number = [], 0
    for stage, (halving, keeping) in enumerate(STAGES):
        names = []
        if halving:
            number += 1
            names = [f"block{number}"]
        number += 1
        names += [f"block{number}.b{number}_{index}" for index in range(keeping)]
        rules += [(f"estimator/stage{stage}_{i}/(.+)", rf"he_estimator.{name}.\1") for i, name in enumerate(names)]
    return [
        *rules,
        (r"estimator/same(\d)/(conv|norm)", r"he_estimator.\2\1"),
        # The authors' layers for yaw and roll bear each other's name.
        ("estimator/yaw", "he_estimator.fc_roll"),
        ("estimator/pitch", "he_estimator.fc_pitch"),
        ("estimator/roll", "he_estimator.fc_yaw"),
        ("estimator/translation", "he_estimator.fc_t"),
        ("estimator/expression", "he_estimator.fc_exp"),
    ]


RULES: Rules = [
    (r"detector/(down|up)(\d+)/(conv|norm)", r"kp_detector.predictor.\1_blocks.\1\2.\3"),
    ("detector/lift", "kp_detector.predictor.conv"),
    ("detector/heatmaps", "kp_detector.kp"),
    *_estimator_rules(),
    *appearance_rules("appearance", "generator."),
    *dense_motion_rules("dense_motion", "generator.dense_motion_network."),
    *flattening_rules("generator", "generator."),
]
PLAIN_RULES: Rules = [
    (r"generator/residual_(\d+)/(conv[12]|norm[12])", r"generator.resblocks_2d.2dr\1.\2"),
    (r"generator/up_(\d+)/(conv|norm)", r"generator.up_blocks.\1.\2"),
    ("generator/final", "generator.final"),
]
SPADE_RULES: Rules = spade_rules("generator", "generator.decoder.")


def convert_face_vid2vid(
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool = False,
) -> Path:
    """The model directory made of a checkpoint; its optimisers, discriminator and epoch are left out.

    Which generator it has, SPADE or the plain one, and whether it is of the older generation, which detects keypoints
    at full size and turns heads in another order, is seen from its tensors.

    Args:
        checkpoint: `.pth.tar`, or a safetensors file of the same names.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: the authors' configuration file; without it the published VoxCeleb configuration is assumed.
        align_corners: how the warps read their grids; the authors trained with False (torch 1.7).

    Raises:
        InputError: a file cannot be read or written, or checkpoint and configuration do not fit.
    """
    check_target(out_dir)
    configuration = None if yaml is None else authors_configuration(yaml)
    state_dicts, size = read_checkpoint(checkpoint), 256 if configuration is None else configuration.size
    settings = _merged({} if configuration is None else configuration.settings, settings_seen(state_dicts))
    for part in ("dense_motion", "generator"):
        settings[part]["align_corners"] = align_corners
    advice = _ADVICE if configuration is None else ""
    variables = face_vid2vid_variables(state_dicts, settings, size=size, title=str(checkpoint), advice=advice)
    card = converted_card(
        "face_vid2vid",
        Path(checkpoint),
        settings_from="the published VoxCeleb configuration" if yaml is None else f"`{Path(yaml).name}`",
        align_corners=align_corners,
    )
    return save_model(out_dir, Animator("face_vid2vid", size, settings, variables), card)


def settings_seen(state_dicts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that a checkpoint's tensors tell by their names: the kind of generator, and the generation.

    The older generation is known by the filter that it lacks: it does not down-sample pictures for its detector.
    """
    flat = flatten(state_dicts)
    spade = any(name.startswith("generator.decoder.") for name in flat)
    # The number of blocks in the middle of a SPADE generator is fixed.
    generator = {"spade": True, "middle_blocks": 6} if spade else {"spade": False}
    seen: dict[str, dict[str, Any]] = {"generator": generator, "appearance": {"first_size": 3 if spade else 7}}
    if "kp_detector.down.weight" in flat:
        return seen
    return seen | {"detector": {"scale": 1.0}, "estimator": {"order": "roll_pitch_yaw"}}


def _merged(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    full = complete("face_vid2vid", {})
    for layer in layers:
        for part, values in layer.items():
            full[part].update(values)
    return full


def face_vid2vid_variables(
    state_dicts: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
    *,
    size: int = 256,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """Face vid2vid's variables, filled from torch's state dictionaries: `params`, `batch_stats`, with SPADE `spectral`.

    Args:
        state_dicts: `{"kp_detector": {name: array}, "he_estimator": ..., "generator": ...}`; others are left out.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures.
        title, advice: the beginning and the end of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape, or the anti-alias filter is another.
    """
    tensors = network_tensors(state_dicts, _NETWORKS, title=title, system="face vid2vid")
    full = complete("face_vid2vid", settings)
    scale, spade = full["detector"]["scale"], full["generator"]["spade"]
    filters = {} if scale == 1 else {"kp_detector.down.weight": scale}
    rules = [*RULES, *(SPADE_RULES if spade else PLAIN_RULES)]
    shapes = variable_shapes("face_vid2vid", settings, size)
    return to_device(convert(tensors, shapes, rules, filters=filters, title=title, advice=advice))
