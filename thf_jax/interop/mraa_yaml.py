"""The authors' own configuration files of MRAA (`vox256.yaml` and its siblings) as settings of this library."""

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

_SCHEMA = {
    "num_regions": Field(int, least=1, most=1000),
    "num_channels": Field(int, least=3, most=3),
    "estimate_affine": Field(bool, False),
    "revert_axis_swap": Field(bool, False),
    "bg_predictor_params": {
        **UNSCALED_HOURGLASS,
        "bg_type": Field(str, "zero", choices=("zero", "shift", "affine", "perspective")),
    },
    "region_predictor_params": {
        **HOURGLASS,
        "temperature": Field(float, least=1e-6),
        "pca_based": Field(bool, False),
        "fast_svd": Field(bool, False),
        "pad": Field(int, 3, most=3),
    },
    "generator_params": {
        "block_expansion": HOURGLASS["block_expansion"],
        "max_features": HOURGLASS["max_features"],
        "num_down_blocks": Field(int, least=1, most=12),
        "num_bottleneck_blocks": Field(int, most=100),
        "skips": Field(bool, False),
        "pixelwise_flow_predictor_params": {
            **HOURGLASS,
            "use_deformed_source": ONLY_TRUE,
            "use_covar_heatmap": Field(bool, False),
            "estimate_occlusion_map": Field(bool, False),
            "region_var": Field(float, 0.01, least=1e-6),
        },
    },
    "avd_network_params": {
        "id_bottle_size": Field(int, 64, least=1),
        "pose_bottle_size": Field(int, 64, least=1),
    },
}


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    detector, background = values["region_predictor_params"], values["bg_predictor_params"]
    generator, avd = values["generator_params"], values["avd_network_params"]
    motion = generator["pixelwise_flow_predictor_params"]
    return {
        "detector": {
            **hourglass_settings(detector),
            "count": values["num_regions"],
            "temperature": detector["temperature"],
            "padding": detector["pad"],
            **_regions(values["estimate_affine"], detector["pca_based"], motion["use_covar_heatmap"]),
        },
        "dense_motion": {
            **hourglass_settings(motion),
            "variance": motion["region_var"],
            "axis_swap": values["revert_axis_swap"],
            "visibility": motion["estimate_occlusion_map"],
        },
        "generator": {
            "width": generator["block_expansion"],
            "most": generator["max_features"],
            "down_blocks": generator["num_down_blocks"],
            "residual_blocks": generator["num_bottleneck_blocks"],
            "skips": generator["skips"],
        },
        "background": None
        if background["bg_type"] == "zero"
        else {
            "width": background["block_expansion"],
            "most": background["max_features"],
            "depth": background["num_blocks"],
            "kind": background["bg_type"],
        },
        "avd": {
            "identity": avd["id_bottle_size"],
            "pose": avd["pose_bottle_size"],
            "axis_swap": values["revert_axis_swap"],
        },
    }


def _regions(affine: bool, pca: bool, covariances: bool) -> dict[str, str | None]:
    """How the detector makes its regions."""
    if not affine:
        return {"jacobians": None, "covariance": "heatmap" if covariances else None}
    jacobians, covariance = ("principal_axes", "heatmap") if pca else ("shared", "jacobian")
    return {"jacobians": jacobians, "covariance": covariance if covariances else None}


authors_configuration = functools.partial(networks_of, schema=_SCHEMA, settings=_settings, system="MRAA")
