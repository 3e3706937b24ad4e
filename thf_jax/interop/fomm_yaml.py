"""The authors' own configuration files of FOMM (`vox-256.yaml` and its siblings) as settings of this library."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from thf_jax.errors import InputError, nearest
from thf_jax.models import published

REQUIRED = object()


@dataclass(frozen=True)
class Configuration:
    """What a configuration file says about the networks.

    Attributes:
        settings: of the model, as `thf_jax.models.build` takes them.
        size: the side of its pictures, in pixels.
        discriminator: the fields of `PatchDiscriminator`; None where the file has none.
        discriminator_keypoints: how many heat-maps of keypoints the discriminator sees beside the image.
    """

    settings: dict[str, dict[str, Any]]
    size: int = 256
    discriminator: dict[str, Any] | None = None
    discriminator_keypoints: int = 0


@dataclass(frozen=True)
class _Field:
    """A value in the file: its type, its bounds, and what the authors' code takes where the file leaves it out."""

    kind: type
    default: Any = REQUIRED
    least: int | float = 0
    most: int | float = 8192


_HOURGLASS = {
    "block_expansion": _Field(int, least=1),
    "max_features": _Field(int, least=1),
    "num_blocks": _Field(int, least=1, most=12),
    "scale_factor": _Field(float, 1.0, least=1e-3, most=1),
}
_SCHEMA = {
    "common_params": {
        "num_kp": _Field(int, least=1, most=1000),
        "num_channels": _Field(int, least=3, most=3),
        "estimate_jacobian": _Field(bool, False),
    },
    "kp_detector_params": {
        **_HOURGLASS,
        "temperature": _Field(float, least=1e-6),
        "single_jacobian_map": _Field(bool, False),
        "pad": _Field(int, 0, most=3),
    },
    "generator_params": {
        "block_expansion": _Field(int, least=1),
        "max_features": _Field(int, least=1),
        "num_down_blocks": _Field(int, least=1, most=12),
        "num_bottleneck_blocks": _Field(int, most=100),
        "estimate_occlusion_map": _Field(bool, False),
        "dense_motion_params": {**_HOURGLASS, "kp_variance": _Field(float, 0.01, least=1e-6)},
    },
    "discriminator_params": {
        "scales": _Field(list, [1]),
        "block_expansion": _Field(int, 64, least=1),
        "max_features": _Field(int, 512, least=1),
        "num_blocks": _Field(int, 4, least=1, most=12),
        "sn": _Field(bool, False),
        "use_kp": _Field(bool, False),
        "kp_variance": _Field(float, 0.01, least=1e-6),
    },
}
_NAMES = {int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


def published_configuration() -> Configuration:
    """What `vox-256.yaml` says."""
    discriminator = {"width": 32, "depth": 4, "most": 512, "spectral_norm": True}
    return Configuration(published("fomm"), discriminator=discriminator)


def authors_configuration(path: str | os.PathLike[str]) -> Configuration:
    """The configuration in one of the authors' YAML files; what concerns training and data sets is passed over.

    Raises:
        InputError: the file cannot be read, or `model_params` has an unknown key, lacks one or has a wrong value.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no YAML file of plain values: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping) or "model_params" not in content:
        raise InputError(f"{path} is no configuration of FOMM: it has no 'model_params'")
    model = content["model_params"]
    schema = _SCHEMA
    if isinstance(model, Mapping) and "discriminator_params" not in model:
        schema = {key: value for key, value in _SCHEMA.items() if key != "discriminator_params"}
    return _configuration(_read(model, schema, f"{path}: model_params"), _size(content.get("dataset_params"), path))


def _read(section: Any, schema: Mapping[str, Any], place: str) -> dict[str, Any]:
    if not isinstance(section, Mapping):
        raise InputError(f"{place} should hold {', '.join(schema)}, and it is {section!r:.60}")
    for key in section:
        if key not in schema:
            raise InputError(f"{place} has an unknown key {key!r}{nearest(str(key), schema)}")
    return {
        key: _read(section.get(key), field, f"{place}.{key}")
        if isinstance(field, dict)
        else _value(section.get(key, field.default), field, f"{place}.{key}")
        for key, field in schema.items()
    }


def _value(value: Any, field: _Field, place: str) -> Any:
    if value is REQUIRED:
        raise InputError(f"{place} is missing; it is {_NAMES[field.kind]}")
    # Python takes true for a whole number; a configuration must not.
    kinds = (int, float) if field.kind is float else (field.kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and field.kind is not bool):
        raise InputError(f"{place} should be {_NAMES[field.kind]}, and it is {value!r:.60}")
    if field.kind in (int, float) and not field.least <= value <= field.most:
        raise InputError(f"{place} should lie between {field.least:g} and {field.most:g}, and it is {value!r:.60}")
    return float(value) if field.kind is float else value


def _size(dataset: Any, path: str | os.PathLike[str]) -> int:
    shape = dataset.get("frame_shape", [256, 256, 3]) if isinstance(dataset, Mapping) else [256, 256, 3]
    square = isinstance(shape, list) and len(shape) == 3 and shape[0] == shape[1] and shape[2] == 3
    if not square or type(shape[0]) is not int or not 1 <= shape[0] <= 8192:
        raise InputError(f"{path}: dataset_params.frame_shape should be [size, size, 3], and it is {shape!r:.60}")
    return shape[0]


def _configuration(values: Mapping[str, Any], size: int) -> Configuration:
    common, detector, generator = (values[f"{part}_params"] for part in ("common", "kp_detector", "generator"))
    motion, discriminator = generator["dense_motion_params"], values.get("discriminator_params")
    jacobians = ("shared" if detector["single_jacobian_map"] else "each") if common["estimate_jacobian"] else None
    settings = {
        "detector": {
            **_hourglass(detector),
            "count": common["num_kp"],
            "temperature": detector["temperature"],
            "jacobians": jacobians,
            "padding": detector["pad"],
        },
        "dense_motion": {
            **_hourglass(motion),
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
    if discriminator["scales"] != [1]:
        raise InputError(f"discriminators at the scales {discriminator['scales']!r:.60} are not known; FOMM's are [1]")
    fields = {
        "width": discriminator["block_expansion"],
        "most": discriminator["max_features"],
        "depth": discriminator["num_blocks"],
        "spectral_norm": discriminator["sn"],
    }
    return Configuration(settings, size, fields, common["num_kp"] if discriminator["use_kp"] else 0)


def _hourglass(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "width": values["block_expansion"],
        "most": values["max_features"],
        "depth": values["num_blocks"],
        "scale": values["scale_factor"],
    }
