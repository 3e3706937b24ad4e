"""The systems by name. Every system is a linen module with three methods: `encode`, `motion` and `render`.

Settings are a nested dict, one entry a part of the system: `{"detector": {"count": 10, ...}, ...}`. The defaults of
the parts' fields, or what the table says beside them, are the published VoxCeleb configuration.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from flax import linen as nn

from thf_jax.errors import InputError, nearest
from thf_jax.models.face_vid2vid import FACE_VID2VID
from thf_jax.models.fomm import FOMM
from thf_jax.models.liveportrait import LIVE_PORTRAIT
from thf_jax.models.monkey_net import MONKEY_NET
from thf_jax.models.mraa import MRAA
from thf_jax.models.system import Part, System
from thf_jax.models.x2face import X2FACE

SYSTEMS: dict[str, System] = {
    "x2face": X2FACE,
    "monkey_net": MONKEY_NET,
    "fomm": FOMM,
    "mraa": MRAA,
    "face_vid2vid": FACE_VID2VID,
    "liveportrait": LIVE_PORTRAIT,
}
SEVERAL_SOURCES = frozenset({"x2face"})
"""The systems whose `encode` takes several sources of one person, [b n h w 3]."""

Settings = Mapping[str, Mapping[str, Any] | None]
"""One entry a part: its settings, or None for a part that the system can do without."""


def _system(name: str) -> System:
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
    return {name: _defaults(part) for name, part in _system(system).parts.items()}


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
    fields: Any = dataclasses.fields(_system(system).module)  # pyright: ignore[reportArgumentType]
    return {field.name for field in fields if field.name in _system(system).parts and field.default is None}
