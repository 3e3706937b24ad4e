"""The systems by name. Every system is a linen module with three methods: `encode`, `motion` and `render`.

Settings are a nested dict, one entry a part of the system: `{"detector": {"count": 10, ...}, ...}`. The defaults of
the parts' fields, or what the table says beside them, are the published VoxCeleb configuration.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from flax import linen as nn

from thf_jax.errors import InputError, nearest
from thf_jax.models.appearance import AppearanceEncoder
from thf_jax.models.canonical_detector import CanonicalDetector
from thf_jax.models.corrector import Corrector
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.dense_motion_3d import DenseMotion3D
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.face_vid2vid import FaceVid2Vid
from thf_jax.models.fomm import FOMM
from thf_jax.models.generator import Generator
from thf_jax.models.head_estimator import HeadEstimator
from thf_jax.models.liveportrait import LivePortrait
from thf_jax.models.monkey_net import DeformingGenerator, MonkeyNet
from thf_jax.models.motion_extractor import MotionExtractor
from thf_jax.models.mraa import AVD, MRAA, BackgroundPredictor
from thf_jax.models.volume_generator import VolumeGenerator
from thf_jax.models.x2face import DrivingNetwork, EmbeddingNetwork, X2Face

Part = Callable[..., nn.Module]
"""A linen module's class; or a `functools.partial` of it, where the system's published values are not its defaults."""

SYSTEMS: dict[str, tuple[type[nn.Module], dict[str, Part]]] = {
    "x2face": (X2Face, {"embedding": EmbeddingNetwork, "driving": DrivingNetwork}),
    "monkey_net": (
        MonkeyNet,
        {
            "detector": functools.partial(
                KeypointDetector,
                antialias=False,
                floor=1e-7,
                jacobians=None,
                covariance="heatmap",
                smallest_variance=1e-3,
                head=3,
                padding=1,
            ),
            "dense_motion": functools.partial(
                DenseMotion,
                width=32,
                antialias=False,
                heatmap_gain=0.01,
                group_blocks=2,
                head=3,
                background_bias=2.0,
                correction=True,
                visibility=False,
            ),
            "generator": DeformingGenerator,
        },
    ),
    "fomm": (FOMM, {"detector": KeypointDetector, "dense_motion": DenseMotion, "generator": Generator}),
    "mraa": (
        MRAA,
        {
            "detector": functools.partial(
                KeypointDetector, jacobians="principal_axes", covariance="heatmap", padding=3
            ),
            "dense_motion": functools.partial(DenseMotion, axis_swap=True, align_corners=False),
            "generator": functools.partial(Generator, skips=True, align_corners=False),
            "background": BackgroundPredictor,
            "avd": AVD,
        },
    ),
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
    "liveportrait": (
        LivePortrait,
        {
            "extractor": MotionExtractor,
            "appearance": AppearanceEncoder,
            "dense_motion": DenseMotion3D,
            "generator": functools.partial(VolumeGenerator, upscale=2),
            "corrector": Corrector,
        },
    ),
}
SEVERAL_SOURCES = frozenset({"x2face"})
"""The systems whose `encode` takes several sources of one person, [b n h w 3]."""

Settings = Mapping[str, Mapping[str, Any] | None]
"""One entry a part: its settings, or None for a part that the system can do without."""


def _system(name: str) -> tuple[type[nn.Module], dict[str, Part]]:
    if name not in SYSTEMS:
        raise InputError(f"there is no system named {name!r}{nearest(name, SYSTEMS)}")
    return SYSTEMS[name]


def _defaults(part: Part) -> dict[str, Any]:
    module, published = (part.func, part.keywords) if isinstance(part, functools.partial) else (part, {})
    fields: Any = dataclasses.fields(module)  # pyright: ignore[reportArgumentType]
    names = [field for field in fields if field.name not in ("parent", "name")]
    return {field.name: published.get(field.name, field.default) for field in names}


def published(system: str) -> dict[str, dict[str, Any]]:
    """The settings of the system's published VoxCeleb model, every default included.

    Raises:
        InputError: no such system.
    """
    return {name: _defaults(part) for name, part in _system(system)[1].items()}


def build(system: str, settings: Settings) -> nn.Module:
    """The system as a linen module; what the settings leave out is as published.

    Raises:
        InputError: no such system, part or setting, or None for a part that the system needs.
    """
    module, parts = _system(system)
    for name in settings:
        if name not in parts:
            raise InputError(f"{system} has no part named {name!r}{nearest(name, parts)}")
    return module(**{name: _built(system, name, part, settings.get(name, {})) for name, part in parts.items()})


def _built(system: str, name: str, part: Part, values: Mapping[str, Any] | None) -> nn.Module | None:
    if values is None:
        if name in optional_parts(system):
            return None
        raise InputError(f"{system} cannot do without its {name}: give its settings in place of None")
    known = _defaults(part)
    for key in values:
        if key not in known:
            raise InputError(f"{system}'s {name} has no setting named {key!r}{nearest(key, known)}")
    # JSON has lists alone, and what a linen module is made of must be hashable.
    return part(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def optional_parts(system: str) -> set[str]:
    """The parts that may be None.

    Raises:
        InputError: no such system.
    """
    fields: Any = dataclasses.fields(_system(system)[0])  # pyright: ignore[reportArgumentType]
    return {field.name for field in fields if field.name in _system(system)[1] and field.default is None}
