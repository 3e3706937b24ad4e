"""The systems by name. Every system is a linen module with three methods: `encode`, `motion` and `render`.

Settings are a nested dict, one entry a part of the system: `{"detector": {"count": 10, ...}, ...}`. The defaults of
the parts' fields are the published VoxCeleb configuration.
"""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from flax import linen as nn

from thf_jax.errors import InputError, nearest
from thf_jax.models.appearance import AppearanceEncoder
from thf_jax.models.canonical_detector import CanonicalDetector
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.dense_motion_3d import DenseMotion3D
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.face_vid2vid import FaceVid2Vid
from thf_jax.models.fomm import FOMM
from thf_jax.models.generator import Generator
from thf_jax.models.head_estimator import HeadEstimator
from thf_jax.models.volume_generator import VolumeGenerator

SYSTEMS: dict[str, tuple[type[nn.Module], dict[str, type[nn.Module]]]] = {
    "fomm": (FOMM, {"detector": KeypointDetector, "dense_motion": DenseMotion, "generator": Generator}),
    "face_vid2vid": (
        FaceVid2Vid,
        {
            "detector": CanonicalDetector,
            "estimator": HeadEstimator,
            "appearance": AppearanceEncoder,
            "dense_motion": DenseMotion3D,
            "generator": VolumeGenerator,
        },
    ),
}


def _system(name: str) -> tuple[type[nn.Module], dict[str, type[nn.Module]]]:
    if name not in SYSTEMS:
        raise InputError(f"there is no system named {name!r}{nearest(name, SYSTEMS)}")
    return SYSTEMS[name]


def _defaults(part: type[nn.Module]) -> dict[str, Any]:
    fields = (field for field in dataclasses.fields(part) if field.name not in ("parent", "name"))
    return {field.name: copy.deepcopy(field.default) for field in fields}


def published(system: str) -> dict[str, dict[str, Any]]:
    """The settings of the system's published VoxCeleb model, every default included.

    Raises:
        InputError: no such system.
    """
    return {name: _defaults(part) for name, part in _system(system)[1].items()}


def build(system: str, settings: Mapping[str, Mapping[str, Any]]) -> nn.Module:
    """The system as a linen module; what the settings leave out is as published.

    Raises:
        InputError: no such system, part or setting.
    """
    module, parts = _system(system)
    for name in settings:
        if name not in parts:
            raise InputError(f"{system} has no part named {name!r}{nearest(name, parts)}")
    built = {}
    for name, part in parts.items():
        values = dict(settings.get(name, {}))
        known = _defaults(part)
        for key in values:
            if key not in known:
                raise InputError(f"{system}'s {name} has no setting named {key!r}{nearest(key, known)}")
        built[name] = part(**values)
    return module(**built)
