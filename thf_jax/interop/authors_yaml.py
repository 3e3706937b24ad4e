"""The authors' own configuration files: read as plain values, each checked against what a system's schema says."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from thf_jax.errors import InputError, nearest
from thf_jax.models import Settings

REQUIRED = object()
PUBLISHED_SIZE = 256
"""The side of the published VoxCeleb models' pictures, in pixels."""


@dataclass(frozen=True)
class Configuration:
    """What a configuration file says about the networks.

    Attributes:
        settings: of the model, as `thf_jax.models.build` takes them.
        size: the side of its pictures, in pixels.
        discriminator: the fields of `PatchDiscriminator`; None where the file has none.
        discriminator_keypoints: how many heat-maps of keypoints the discriminator sees beside the image.
    """

    settings: Settings
    size: int = PUBLISHED_SIZE
    discriminator: dict[str, Any] | None = None
    discriminator_keypoints: int = 0


@dataclass(frozen=True)
class Field:
    """A value in the file: its type, its bounds, and what the authors' code takes where the file leaves it out."""

    kind: type
    default: Any = REQUIRED
    least: int | float = 0
    most: int | float = 8192
    choices: tuple[Any, ...] | None = None
    """The values that this library knows; None: every one of the type and within the bounds."""


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", list: "a list", str: "a word"}

HOURGLASS = {
    "block_expansion": Field(int, least=1),
    "max_features": Field(int, least=1),
    "num_blocks": Field(int, least=1, most=12),
    "scale_factor": Field(float, 1.0, least=1e-3, most=1),
}
UNSCALED_HOURGLASS = {key: field for key, field in HOURGLASS.items() if key != "scale_factor"}
ONLY_TRUE = Field(bool, True, choices=(True,))
DISCRIMINATOR = {
    "scales": Field(list, [1]),
    "block_expansion": Field(int, 64, least=1),
    "max_features": Field(int, 512, least=1),
    "num_blocks": Field(int, 4, least=1, most=12),
    "sn": Field(bool, False),
    "use_kp": Field(bool, False),
    "kp_variance": Field(float, 0.01, least=1e-6),
}
"""Of FOMM and of face vid2vid; see `discriminator_fields`."""


def hourglass_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a part with an hourglass, from the values that `HOURGLASS` describes."""
    return {
        "width": values["block_expansion"],
        "most": values["max_features"],
        "depth": values["num_blocks"],
        "scale": values["scale_factor"],
    }


def networks_of(
    path: str | os.PathLike[str],
    *,
    schema: Mapping[str, Any],
    settings: Callable[[Mapping[str, Any]], Settings],
    system: str,
) -> Configuration:
    """The configuration in one of the authors' YAML files, as far as it concerns the networks of the model.

    Args:
        schema, system: as `model_parameters` takes them.
        settings: the values under `model_params` -> the settings of the model.

    Raises:
        InputError: the file cannot be read, or `model_params` has an unknown key, lacks one or has a value that is
            wrong or that this library does not know.
    """
    values, size = model_parameters(path, schema, system=system)
    return Configuration(settings(values), size)


def model_parameters(
    path: str | os.PathLike[str], schema: Mapping[str, Any], *, system: str
) -> tuple[dict[str, Any], int]:
    """The values under `model_params`, as the schema has them, and the side of the pictures in pixels.

    What concerns training and data sets is passed over; so is a discriminator where the file has none.

    Args:
        schema: a `Field` or a schema of its own for every key.
        system: what the sentence of an error calls it.

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
        raise InputError(f"{path} is no configuration of {system}: it has no 'model_params'")
    model = content["model_params"]
    if isinstance(model, Mapping) and "discriminator_params" not in model:
        schema = {key: value for key, value in schema.items() if key != "discriminator_params"}
    return _read(model, schema, f"{path}: model_params"), _size(content.get("dataset_params"), path)


def discriminator_fields(values: Mapping[str, Any], *, system: str) -> dict[str, Any]:
    """The fields of `PatchDiscriminator` in a file's `discriminator_params`.

    Raises:
        InputError: discriminators at other scales than the full one.
    """
    if values["scales"] != [1]:
        raise InputError(f"discriminators at the scales {values['scales']!r:.60} are not known; {system}'s are [1]")
    return {
        "width": values["block_expansion"],
        "most": values["max_features"],
        "depth": values["num_blocks"],
        "spectral_norm": values["sn"],
    }


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


def _value(value: Any, field: Field, place: str) -> Any:
    if value is REQUIRED:
        raise InputError(f"{place} is missing; it is {_NAMES[field.kind]}")
    # Python takes true for a whole number; a configuration must not.
    kinds = (int, float) if field.kind is float else (field.kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and field.kind is not bool):
        raise InputError(f"{place} should be {_NAMES[field.kind]}, and it is {value!r:.60}")
    if field.kind in (int, float) and not field.least <= value <= field.most:
        raise InputError(f"{place} should lie between {field.least:g} and {field.most:g}, and it is {value!r:.60}")
    if field.choices is not None and value not in field.choices:
        known = " or ".join(repr(choice) for choice in field.choices)
        raise InputError(f"{place} is {value!r:.60}, and this library knows {known} alone")
    return float(value) if field.kind is float else value


def _size(dataset: Any, path: str | os.PathLike[str]) -> int:
    shape = _shape(dataset) if isinstance(dataset, Mapping) else None
    if shape is None:
        return PUBLISHED_SIZE
    square = isinstance(shape, list) and len(shape) == 3 and shape[0] == shape[1] and shape[2] == 3
    if not square or type(shape[0]) is not int or not 1 <= shape[0] <= 8192:
        raise InputError(
            f"{path}: the frames' shape in dataset_params should be [size, size, 3], and it is {shape!r:.60}"
        )
    return shape[0]


def _shape(dataset: Mapping[str, Any]) -> Any:
    """The shape of the frames, under either of the names that the systems have for it; None where it is not told."""
    if (shape := dataset.get("frame_shape", dataset.get("image_shape"))) is not None:
        return shape
    augmentation = dataset.get("augmentation_params")
    crop = augmentation.get("crop_param") if isinstance(augmentation, Mapping) else None
    size = crop.get("size") if isinstance(crop, Mapping) else None
    return None if size is None else [*size, 3] if isinstance(size, list) else size
