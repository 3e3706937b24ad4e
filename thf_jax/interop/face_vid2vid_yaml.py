"""The configuration files of face vid2vid's public implementation (`vox-256.yaml` and its siblings) as settings."""

import os
from collections.abc import Mapping
from typing import Any

from thf_jax.errors import InputError
from thf_jax.interop.authors_yaml import DISCRIMINATOR, Configuration, Field, discriminator_fields, model_parameters

_BLOCKS = {"block_expansion": Field(int, least=1), "max_features": Field(int, least=1)}
_DEPTH = Field(int, least=1, most=12)
_VOLUME = {"reshape_channel": Field(int, least=1, most=2**20), "reshape_depth": Field(int, least=1)}
_SCHEMA = {
    "common_params": {
        "num_kp": Field(int, least=1, most=1000),
        "image_channel": Field(int, 3, least=3, most=3),
        "feature_channel": Field(int, least=1),
        "estimate_jacobian": Field(bool, False),
    },
    "kp_detector_params": {
        **_BLOCKS,
        **_VOLUME,
        "num_blocks": _DEPTH,
        "scale_factor": Field(float, 1.0, least=1e-3, most=1),
        "temperature": Field(float, least=1e-6),
        "single_jacobian_map": Field(bool, False),
    },
    "he_estimator_params": {**_BLOCKS, "num_bins": Field(int, least=1)},
    "generator_params": {
        **_BLOCKS,
        **_VOLUME,
        "num_down_blocks": _DEPTH,
        "num_resblocks": Field(int, most=100),
        "estimate_occlusion_map": Field(bool, False),
        "dense_motion_params": {
            **_BLOCKS,
            "num_blocks": _DEPTH,
            "reshape_depth": Field(int, least=1),
            "compress": Field(int, least=1),
        },
    },
    "discriminator_params": DISCRIMINATOR,
}


def authors_configuration(path: str | os.PathLike[str]) -> Configuration:
    """The configuration in such a file. Which of the two generators a checkpoint holds, it does not tell.

    Raises:
        InputError: the file cannot be read, has an unknown key, lacks one, or has a value that is wrong or not known.
    """
    return _configuration(*model_parameters(path, _SCHEMA, system="face vid2vid"), path)


def _configuration(values: Mapping[str, Any], size: int, path: str | os.PathLike[str]) -> Configuration:
    common, detector, generator = (values[f"{part}_params"] for part in ("common", "kp_detector", "generator"))
    motion, estimator = generator["dense_motion_params"], values["he_estimator_params"]
    if common["estimate_jacobian"]:
        raise InputError(f"{path}: keypoints with Jacobians are not known; face vid2vid's estimate_jacobian is false")
    volume = {"channels": generator["reshape_channel"], "volume_depth": generator["reshape_depth"]}
    if common["feature_channel"] != volume["channels"] or motion["reshape_depth"] != volume["volume_depth"]:
        raise InputError(
            f"{path}: the volume has reshape_channel {volume['channels']} and reshape_depth {volume['volume_depth']}; "
            "feature_channel and dense_motion_params.reshape_depth should be the same"
        )
    settings = {
        "detector": {
            "count": common["num_kp"],
            "width": detector["block_expansion"],
            "depth": detector["num_blocks"],
            "most": detector["max_features"],
            "volume_depth": detector["reshape_depth"],
            "scale": detector["scale_factor"],
            "temperature": detector["temperature"],
        },
        "estimator": {"count": common["num_kp"], "bins": estimator["num_bins"]},
        "appearance": {
            "width": generator["block_expansion"],
            "most": generator["max_features"],
            "down_blocks": generator["num_down_blocks"],
            "residual_blocks": generator["num_resblocks"],
            **volume,
        },
        "dense_motion": {
            "width": motion["block_expansion"],
            "depth": motion["num_blocks"],
            "most": motion["max_features"],
            "compressed": motion["compress"],
            "visibility": generator["estimate_occlusion_map"],
        },
        "generator": {
            "width": generator["block_expansion"],
            "up_blocks": generator["num_down_blocks"],
            "middle_blocks": generator["num_resblocks"],
        },
    }
    if "discriminator_params" not in values:
        return Configuration(settings, size)
    discriminator = values["discriminator_params"]
    fields = discriminator_fields(discriminator, system="face vid2vid")
    return Configuration(settings, size, fields, common["num_kp"] if discriminator["use_kp"] else 0)
