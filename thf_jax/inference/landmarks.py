"""Facial landmarks, which come from outside: this library finds no faces and ships no detector.

A provider is any function from a picture to the landmarks of one face in it, in pixels of that picture, or to None
where it sees no face. Six layouts are understood, told apart by the number of points.
"""

import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from thf_jax.errors import InputError

Points = Float[np.ndarray, "n 2"]
"""(x, y) in pixels, the centre of the first pixel at 0."""
LandmarkProvider = Callable[[UInt8[np.ndarray, "h w 3"]], Points | None]


class Layout(NamedTuple):
    """The points whose means are the eyes' and the mouth's centre."""

    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    mouth: tuple[int, ...]


LAYOUTS = {
    5: Layout((0,), (1,), (3, 4)),
    9: Layout((2, 3), (0, 1), (5, 6)),
    68: Layout((36, 39), (42, 45), (48, 54)),
    101: Layout((39, 42, 45, 48), (51, 54, 57, 60), (75, 81)),
    106: Layout((33, 35, 40, 39), (87, 89, 94, 93), (52, 61)),
    203: Layout((0, 6, 12, 18), (24, 30, 36, 42), (48, 66)),
}
"""By the number of points: 68 is the layout of iBUG 300-W, 106 InsightFace's, 203 LivePortrait's own."""
_OPENINGS = {"left eye": (6, 18, 0, 12), "right eye": (30, 42, 24, 36), "lips": (90, 102, 48, 66)}
"""Of 203 points the two whose distance opens, then the two across."""


def load_provider(name: str) -> LandmarkProvider:
    """The provider that a user names as `package.module:function`. It may give anything that NumPy makes an array of.

    A module in the working directory is found as well, which stands last on Python's path from then on.

    Raises:
        InputError: the name has another form, or there is no such module or function, or the import fails; and when the
            provider is called, where it gives something else than points (x, y).
    """
    module, _, function = name.partition(":")
    if not module or not function.isidentifier():
        raise InputError(f"a landmark provider is named package.module:function, not {name!r}")
    if os.getcwd() not in sys.path:  # an installed command has its own folder there instead
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # a module of somebody else's may raise anything
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"cannot import {module} of the landmark provider {name}: {cause}") from error
    if not callable(found):
        raise InputError(f"{module} has no function {function} to find landmarks with")
    return functools.partial(_seen, found, name)


def _seen(find: Callable[[np.ndarray], Any], name: str, picture: np.ndarray) -> Points | None:
    """What the provider of this name finds in the picture, as an array."""
    found = find(picture)
    if found is None:
        return None
    try:
        points = np.asarray(found)
    except ValueError as error:
        raise InputError(f"the landmark provider {name} gave no array of points (x, y): {error}") from error
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind not in "fiu":
        raise InputError(f"the landmark provider {name} gave {points.dtype} {list(points.shape)}, not points (x, y)")
    return points if points.dtype.kind == "f" else points.astype(np.float32)


def layout_of(points: Points) -> Layout:
    """The layout of these landmarks.

    Raises:
        InputError: no layout has this many points, or a coordinate is not finite.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) not in LAYOUTS:
        known = ", ".join(map(str, LAYOUTS))
        raise InputError(f"landmarks are {known} points (x, y), not an array of {list(points.shape)}")
    if not np.isfinite(points).all():
        raise InputError("landmarks are finite numbers, in pixels; where there is no face a provider gives None")
    return LAYOUTS[len(points)]


def openness(points: Points) -> Float[np.ndarray, "3"]:
    """How far left eye, right eye and lips are open, each the height over the width; no unit, and no scale or turn.

    Raises:
        InputError: other landmarks than LivePortrait's 203.
    """
    if points.shape != (203, 2):
        raise InputError(f"the openness of eyes and lips is read off 203 landmarks, not off {list(points.shape)}")
    upper, lower, left, right = np.asarray(list(_OPENINGS.values())).T
    height = np.linalg.norm(points[upper] - points[lower], axis=-1)
    width = np.linalg.norm(points[left] - points[right], axis=-1)
    return (height / (width + 1e-6)).astype(np.float32)
