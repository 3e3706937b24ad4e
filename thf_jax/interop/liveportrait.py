"""LivePortrait's published weights, five files in a folder, as a model of this library."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thf_jax.errors import InputError
from thf_jax.interop.liveportrait_files import read_networks
from thf_jax.interop.model_card import converted_card
from thf_jax.interop.model_directory import check_target, save_model
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import Rules, convert, to_device
from thf_jax.interop.volume_rules import appearance_rules, dense_motion_rules, flattening_rules, spade_rules
from thf_jax.models.animator import Animator

_DETECTOR = "motion_extractor.detector"
_BACKBONE, _STAGE = "extractor/backbone", r"extractor/backbone/stage(\d+)_(\d+)"
_MODULES = {"stitch": "retarget_shoulder", "eye": "retarget_eye", "lip": "retarget_mouth"}
_MOST_LAYERS = 8

RULES: Rules = [
    # The first shrinking is normalised afterwards, every other one before.
    (f"{_BACKBONE}/shrink0", f"{_DETECTOR}.downsample_layers.0.0"),
    (f"{_BACKBONE}/norm0", f"{_DETECTOR}.downsample_layers.0.1"),
    (rf"{_BACKBONE}/norm(\d+)", rf"{_DETECTOR}.downsample_layers.\1.0"),
    (rf"{_BACKBONE}/shrink(\d+)", rf"{_DETECTOR}.downsample_layers.\1.1"),
    (f"{_BACKBONE}/norm", f"{_DETECTOR}.norm"),
    (f"{_STAGE}/depthwise", rf"{_DETECTOR}.stages.\1.\2.dwconv"),
    (f"{_STAGE}/norm", rf"{_DETECTOR}.stages.\1.\2.norm"),
    (f"{_STAGE}/expand", rf"{_DETECTOR}.stages.\1.\2.pwconv1"),
    (f"{_STAGE}/response", rf"{_DETECTOR}.stages.\1.\2.grn"),
    (f"{_STAGE}/project", rf"{_DETECTOR}.stages.\1.\2.pwconv2"),
    ("extractor/canonical", f"{_DETECTOR}.fc_kp"),
    ("extractor/expression", f"{_DETECTOR}.fc_exp"),
    ("extractor/translation", f"{_DETECTOR}.fc_t"),
    ("extractor/(scale|yaw|pitch|roll)", rf"{_DETECTOR}.fc_\1"),
    *appearance_rules("appearance", "appearance_feature_extractor."),
    *dense_motion_rules("dense_motion", "warping_module.dense_motion_network."),
    *flattening_rules("generator", "warping_module."),
    *spade_rules("generator", "spade_generator.", last="conv_img.0"),
    # Torch counts the activations between the layers as well.
    *(
        (f"corrector/{ours}_network/layer{index}", f"stitching_retargeting_module.{theirs}.mlp.{2 * index}")
        for ours, theirs in _MODULES.items()
        for index in range(_MOST_LAYERS)
    ),
]
SIZE = 256


def convert_liveportrait(
    folder: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool = False,
) -> Path:
    """The model directory made of the published folder.

    Args:
        folder: `liveportrait` of the published `pretrained_weights`, or one that holds the five files, .pth or
            .safetensors; see `liveportrait_files.read_networks`.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: not taken: all published weights are of one configuration.
        align_corners: how the warps read their grids; the authors trained with False.

    Raises:
        InputError: a file is missing or cannot be read, the weights are of other networks, or `yaml` is given.
    """
    if yaml is not None:
        raise InputError("LivePortrait has one published configuration and takes no --yaml: leave it out")
    check_target(out_dir)
    networks, files = read_networks(folder)
    settings = complete("liveportrait", {})
    for part in ("dense_motion", "generator"):
        settings[part]["align_corners"] = align_corners
    variables = liveportrait_variables(networks, settings, title=str(folder))
    card = converted_card(
        "liveportrait", *files, settings_from="the published configuration", align_corners=align_corners
    )
    return save_model(out_dir, Animator("liveportrait", SIZE, settings, variables), card)


def liveportrait_variables(
    networks: Mapping[str, Mapping[str, np.ndarray]],
    settings: Mapping[str, Mapping[str, Any]],
    *,
    size: int = SIZE,
    title: str = "the checkpoint",
) -> dict[str, Any]:
    """LivePortrait's variables, filled from torch's state dictionaries: `params`, `batch_stats` and `spectral`.

    Args:
        networks: by name, as `read_networks` gives them.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures that go in.
        title: the beginning of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape.
    """
    tensors = {
        f"{network}.{name}": _response_norm(name, value)
        for network, values in networks.items()
        for name, value in values.items()
    }
    return to_device(convert(tensors, variable_shapes("liveportrait", settings, size), RULES, title=title))


def _response_norm(name: str, value: np.ndarray) -> np.ndarray:
    """Vectors that torch keeps as [1 1 1 c], in their own shape; every other tensor as it is."""
    return value.reshape(-1) if ".grn." in name and value.shape[:-1] == (1, 1, 1) else value
