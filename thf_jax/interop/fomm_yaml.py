"""The authors' own configuration files of FOMM (`vox-256.yaml` and its siblings) as settings of this library."""

import os
from collections.abc import Mapping
from typing import Any

from thf_jax.interop.authors_yaml import (
    DISCRIMINATOR,
    HOURGLASS,
    Configuration,
    Field,
    discriminator_fields,
    hourglass_settings,
    model_parameters,
)
from thf_jax.models import published

_SCHEMA = {
    "common_params": {
        "num_kp": Field(int, least=1, most=1000),
        "num_channels": Field(int, least=3, most=3),
        "estimate_jacobian": Field(bool, False),
    },
    "kp_detector_params": {
        **HOURGLASS,
        "temperature": Field(float, least=1e-6),
        "single_jacobian_map": Field(bool, False),
        "pad": Field(int, 0, most=3),
    },
    "generator_params": {
        "block_expansion": Field(int, least=1),
        "max_features": Field(int, least=1),
        "num_down_blocks": Field(int, least=1, most=12),
        "num_bottleneck_blocks": Field(int, most=100),
        "estimate_occlusion_map": Field(bool, False),
        "dense_motion_params": {**HOURGLASS, "kp_variance": Field(float, 0.01, least=1e-6)},
    },
    "discriminator_params": DISCRIMINATOR,
}


def published_configuration() -> Configuration:
    """What `vox-256.yaml` says."""
    discriminator = {"width": 32, "depth": 4, "most": 512, "spectral_norm": True}
    return Configuration(published("fomm"), discriminator=discriminator)


def authors_configuration(path: str | os.PathLike[str]) -> Configuration:
    """The configuration in one of the authors' YAML files; what concerns training and data sets is passed over.

    Raises:
        InputError: the file cannot be read, or `model_params` has an unknown key, lacks one or has a wrong value.
    """
    return _configuration(*model_parameters(path, _SCHEMA, system="FOMM"))


def _configuration(values: Mapping[str, Any], size: int) -> Configuration:
    common, detector, generator = (values[f"{part}_params"] for part in ("common", "kp_detector", "generator"))
    motion, discriminator = generator["dense_motion_params"], values.get("discriminator_params")
    jacobians = ("shared" if detector["single_jacobian_map"] else "each") if common["estimate_jacobian"] else None
    settings = {
        "detector": {
            **hourglass_settings(detector),
            "count": common["num_kp"],
            "temperature": detector["temperature"],
            "jacobians": jacobians,
            "padding": detector["pad"],
        },
        "dense_motion": {
            **hourglass_settings(motion),
            "variance": motion["kp_variance"],
            "visibility": generator["estimate_occlusion_map"],
        },
        "generator": {
            "width": generator["block_expansion"],
            "most": generator["max_features"],
            "down_blocks": generator["num_down_blocks"],
            "residual_blocks": generator["num_bottleneck_blocks"],
        },
    }
    if discriminator is None:
        return Configuration(settings, size)
    fields = discriminator_fields(discriminator, system="FOMM")
    return Configuration(settings, size, fields, common["num_kp"] if discriminator["use_kp"] else 0)
