"""The authors' own configuration files of Monkey-Net (`vox.yaml` and its siblings) as settings of this library."""

import functools
from collections.abc import Mapping
from typing import Any

from thf_jax.interop.authors_yaml import (
    HOURGLASS,
    ONLY_TRUE,
    UNSCALED_HOURGLASS,
    Field,
    hourglass_settings,
    networks_of,
)

_ONLY_FALSE = Field(bool, False, choices=(False,))
_GAIN = {"norm_const": Field(float, 100.0, least=1e-6)}
_EMBEDDING = {
    "use_heatmap": ONLY_TRUE,
    "use_displacement": _ONLY_FALSE,
    "heatmap_type": Field(str, choices=("difference",)),
    **_GAIN,
}
_SCHEMA = {
    "common_params": {
        "num_kp": Field(int, least=1, most=1000),
        "kp_variance": Field(str, choices=("matrix", "single")),
        "num_channels": Field(int, least=3, most=3),
    },
    "kp_detector_params": {
        **HOURGLASS,
        "temperature": Field(float, least=1e-6),
        "clip_variance": Field(float, 0.0),
    },
    "generator_params": {
        **UNSCALED_HOURGLASS,
        "interpolation_mode": Field(str, "nearest", choices=("nearest", "trilinear")),
        "num_refinement_blocks": Field(int, most=100),
        "dense_motion_params": {
            **HOURGLASS,
            "use_mask": ONLY_TRUE,
            "use_correction": Field(bool, True),
            "num_group_blocks": Field(int, 0, most=12),
            "bg_init": Field(float, 2.0, least=-100),
            "mask_embedding_params": {**_EMBEDDING, "use_deformed_source_image": ONLY_TRUE},
        },
        "kp_embedding_params": {
            **_EMBEDDING,
            "scale_factor": HOURGLASS["scale_factor"],
            "use_deformed_source_image": _ONLY_FALSE,
        },
    },
    "discriminator_params": {**UNSCALED_HOURGLASS, "kp_embedding_params": {**_GAIN}},
}


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    common, detector, generator = (values[f"{part}_params"] for part in ("common", "kp_detector", "generator"))
    motion, embedding = generator["dense_motion_params"], generator["kp_embedding_params"]
    full = common["kp_variance"] == "matrix"
    return {
        "detector": {
            **hourglass_settings(detector),
            "count": common["num_kp"],
            "temperature": detector["temperature"],
            "covariance": "heatmap" if full else "isotropic",
            "smallest_variance": detector["clip_variance"] if full else 0.0,
        },
        "dense_motion": {
            **hourglass_settings(motion),
            "heatmap_gain": 1 / motion["mask_embedding_params"]["norm_const"],
            "group_blocks": motion["num_group_blocks"],
            "background_bias": motion["bg_init"],
            "correction": motion["use_correction"],
        },
        "generator": {
            **hourglass_settings({**generator, "scale_factor": embedding["scale_factor"]}),
            "refinement_blocks": generator["num_refinement_blocks"],
            "heatmap_gain": 1 / embedding["norm_const"],
            "interpolation": "linear" if generator["interpolation_mode"] == "trilinear" else "nearest",
        },
    }


authors_configuration = functools.partial(networks_of, schema=_SCHEMA, settings=_settings, system="Monkey-Net")
