"""LivePortrait's motion templates, the pickles that its command leaves beside a driving clip, and motion files.

A template is read as data, and nothing in it is run. It holds a dictionary of `n_frames`, `output_fps`, `motion` (a
dictionary a frame) and, in most files, how far the driver's eyes and lips are open. Its matrices act on rows; ours, the
transposes, on columns. What it stores of the driver's keypoints is not needed to animate, and is neither read nor
written.
"""

import io
import os
import pickle
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from thf_jax.errors import InputError
from thf_jax.inference.motion_files import MotionFile
from thf_jax.inference.outputs import appearing, check_output
from thf_jax.interop.numpy_pickle import CONSTRUCTORS, INERT, NumberArray
from thf_jax.interop.pickle_machine import RefusedError, read_pickle
from thf_jax.types import HeadMotion

SUFFIX = ".pkl"
SIZE = 256
"""The side of the pictures that the published extractor sees."""
_LIMIT = 1 << 28
_DEEPEST = 4
_FASTEST = 10**6
"""Frames a second below which `output_fps` lies."""
_SHAPES = {"scale": (1, 1), "exp": (1, 21, 3), "t": (1, 3), "R": (1, 3, 3)}


def read_template(path: str | os.PathLike[str]) -> MotionFile:
    """The template as a motion file of the system `liveportrait`.

    Raises:
        InputError: there is no such file, it holds something else, or it asks for more than numbers.
    """
    content = _read(path)
    if not isinstance(content, Mapping) or not isinstance(content.get("motion"), list) or not content["motion"]:
        raise InputError(f"{path} is no motion template of LivePortrait: it has no list of motions")
    try:
        # Older files name the matrix R_d.
        rows = [{**frame, "R": frame.get("R", frame.get("R_d"))} for frame in content["motion"]]
        scale, expression, translation, rotation = (_stacked(rows, name) for name in _SHAPES)
        rate, openness = _rate(content["output_fps"]), _openness(content, len(rows))
    except (KeyError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"{path} is no motion template of LivePortrait, or a damaged one: {error}") from error
    fields: dict[str, Any] = {
        "rotation": np.ascontiguousarray(rotation.swapaxes(-1, -2)),
        "translation": translation * np.array([1, 1, 0], np.float32),
        "expression": expression,
        "scale": scale,
        "openness": openness,
    }
    return MotionFile("liveportrait", None, rate, SIZE, HeadMotion(**fields))


def write_template(path: str | os.PathLike[str], file: MotionFile) -> None:
    """Write a motion file of the published model as a template that the original reads.

    The rate is rounded to a whole number, as the original wants it. It also wants the openness of eyes and lips, even
    where it does not use it: a file without it is read by this library alone.

    Raises:
        InputError: motion of another system or of another number of keypoints; or the path cannot be written.
    """
    target = check_output(path, (SUFFIX,))
    motion = file.motion
    if file.system != "liveportrait" or motion.expression.shape[1:] != (21, 3):
        raise InputError(f"a template holds liveportrait's motion of 21 keypoints, not that of a {file.system} model")
    arrays = {
        "scale": motion.scale[:, None],
        "R": motion.rotation.swapaxes(-1, -2)[:, None],
        "exp": motion.expression[:, None],
        "t": motion.translation[:, None],
    }
    frames = [{name: np.array(rows[index], np.float32) for name, rows in arrays.items()} for index in range(len(file))]
    content: dict[str, Any] = {"n_frames": len(file), "output_fps": max(round(file.rate), 1), "motion": frames}
    if motion.openness is not None:
        content["c_eyes_lst"] = [np.array(row[None, :2], np.float32) for row in motion.openness]
        content["c_lip_lst"] = [np.array(row[None, 2:], np.float32) for row in motion.openness]
    with appearing(target) as partial:
        partial.write_bytes(pickle.dumps(content, protocol=4))


def read_neutral(path: str | os.PathLike[str]) -> Float[np.ndarray, "21 3"]:
    """The neutral expression that the original compares one driving picture with: its file `lip_array.pkl`.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    content = _read(path)
    if not isinstance(content, np.ndarray) or content.size != 63:
        raise InputError(f"{path} does not hold an expression of 21 keypoints, as LivePortrait's lip_array.pkl does")
    if content.dtype.kind not in "fiu" or not np.isfinite(content).all():
        raise InputError(f"{path} is damaged: its expression is not made of finite numbers")
    return content.reshape(21, 3).astype(np.float32)


def _read(path: str | os.PathLike[str]) -> Any:
    try:
        stream = io.BytesIO(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        value = read_pickle(stream, constructors=CONSTRUCTORS, inert=INERT, persistent=_refuse, limit=_LIMIT)
        return _arrays(value, _DEEPEST, {})
    except RefusedError as refusal:
        raise InputError(f"{path} {refusal}") from refusal
    except (ValueError, EOFError, OverflowError) as error:
        raise InputError(f"{path} is no pickle, or a damaged one: {error}") from error


def _refuse(reference: Any) -> Any:
    raise RefusedError("refers to something outside of itself, which no motion template does")


def _arrays(value: Any, depth: int, known: dict[tuple[int, int], Any]) -> Any:
    """The value with NumPy arrays in the place of their records, down to where a template has its last ones.

    What is in several places is visited once (`known`, by identity and depth), or lists of the same lists would take
    exponentially long.
    """
    if isinstance(value, NumberArray):
        return value.values
    if not isinstance(value, list | dict) or not depth:
        return value
    place = id(value), depth
    if place not in known:
        if isinstance(value, list):
            known[place] = [_arrays(item, depth - 1, known) for item in value]
        else:
            known[place] = {key: _arrays(item, depth - 1, known) for key, item in value.items()}
    return known[place]


def _rate(value: Any) -> Fraction:
    known = isinstance(value, int | float) and 0 < value < _FASTEST
    rate = Fraction(value).limit_denominator(100_000) if known else Fraction(0)
    if rate == 0:
        raise ValueError(f"its output_fps is no number above 0 and below {_FASTEST}")
    return rate


def _stacked(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """The arrays of this name. Only such are taken: lists of lists may be written short and yet have no end."""
    for row in rows:
        if not isinstance(row[name], np.ndarray) or row[name].shape != _SHAPES[name]:
            raise ValueError(f"{name} is in some frame no array of the shape {_SHAPES[name]}")
    values = np.stack([row[name].astype(np.float32) for row in rows])
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite")
    return values[:, 0]


def _openness(content: Mapping[str, Any], count: int) -> np.ndarray | None:
    """Of eyes and lips in each frame; None for files that do not tell it of every frame."""
    eyes, lips = (content.get(f"c_{name}_lst", content.get(f"c_d_{name}_lst")) for name in ("eyes", "lip"))
    if not eyes or not lips or len(eyes) != count or len(lips) != count:
        return None
    rows = [(*_numbers(eye), *_numbers(lip)) for eye, lip in zip(eyes, lips, strict=True)]
    if any(len(row) != 3 for row in rows):
        return None
    openness = np.array(rows, np.float32)
    if not np.isfinite(openness).all():
        raise ValueError("how far eyes and lips are open is not finite")
    return openness


def _numbers(value: Any) -> list[int | float]:
    """The numbers in an array or a flat list; no more than four, of which there are too many already."""
    few = value.flat[:4].tolist() if isinstance(value, np.ndarray) else value
    few = few[:4] if isinstance(few, list) else [few]
    if not all(isinstance(number, int | float) for number in few):
        raise TypeError("how far eyes and lips are open is told by something else than numbers")
    return few
