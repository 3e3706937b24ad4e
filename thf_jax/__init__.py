"""Warping-based talking-head models in JAX: train them, study them, animate with them.

    import thf_jax as thf

    animator = thf.load("NAME or DIR")
    for rendering in thf.animate(animator, source, frames):
        rendering.image

Nothing is imported, and no device is touched, before the first of these names is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thf_jax.errors import InputError
    from thf_jax.inference.animate import animate
    from thf_jax.inference.load import load
    from thf_jax.inference.motion_files import MotionFile, read_motion, write_motion
    from thf_jax.inference.video import write_video
    from thf_jax.models.animator import Animator
    from thf_jax.types import HeadMotion, Keypoints, Rendering, Warp

__version__ = "0.1.0"

__all__ = [
    "Animator",
    "HeadMotion",
    "InputError",
    "Keypoints",
    "MotionFile",
    "Rendering",
    "Warp",
    "animate",
    "load",
    "read_motion",
    "write_motion",
    "write_video",
]

_HOMES = {
    "Animator": "thf_jax.models.animator",
    "HeadMotion": "thf_jax.types",
    "InputError": "thf_jax.errors",
    "Keypoints": "thf_jax.types",
    "MotionFile": "thf_jax.inference.motion_files",
    "Rendering": "thf_jax.types",
    "Warp": "thf_jax.types",
    "animate": "thf_jax.inference.animate",
    "load": "thf_jax.inference.load",
    "read_motion": "thf_jax.inference.motion_files",
    "write_motion": "thf_jax.inference.motion_files",
    "write_video": "thf_jax.inference.video",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
