"""Motion files: what moves in a clip, without its pictures. They animate any source.

A `.motion` file is a numpy archive (`numpy.load(path, allow_pickle=False)` reads it) of

    header    a JSON string: `format` ("thf_jax motion"), `version`, `system`, `model`, `kind` (a class of
              `thf_jax.types`), `rate` (frames a second, "30000/1001"), `frames`, `size` (side of the pictures that the
              model saw), `initial` (the row of the frame that relative motion starts from: the clip's first) and `axes`
              (the name of every axis of every array)
    position, jacobian, code, ...
              one float32 array a field of the kind, a row a frame; a field that is None has no array

For Keypoints, `position` is (x, y) in [-1, 1], the ends at pixel centres, and `jacobian` and `covariance` are 2 x 2
matrices; a `background`, 3 x 3 on (x, y, 1), there is only where it was measured against a source. 10 keypoints with
Jacobians take 240 bytes a frame before compression. For DrivingCode, `code` has X2Face's numbers, 128 of them and 512
bytes as published. For HeadMotion, `rotation` is a 3 x 3 matrix that acts on columns (x, y, z), `translation` and
`expression` (an offset of every keypoint, after the rotation) are in the units of positions, `scale` is the size of the
head, and `openness` tells how far left eye, right eye and lips are open where landmarks told it; `inference.bit_stream`
codes head motion in far fewer bytes. float32 is what the models compute in: animating from the file equals animating
from the clip.
"""

import dataclasses
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import numpy as np

from thf_jax.errors import InputError
from thf_jax.inference.array_archive import DAMAGE, array_in, form_in
from thf_jax.inference.outputs import appearing, check_output
from thf_jax.types import DrivingCode, HeadMotion, Keypoints

FORMAT = "thf_jax motion"
VERSION = 1
SUFFIX = ".motion"
_KINDS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "Keypoints": (
        Keypoints,
        {
            "position": "frame keypoint xy",
            "jacobian": "frame keypoint row column",
            "covariance": "frame keypoint row column",
            "background": "frame row column",
        },
    ),
    "DrivingCode": (DrivingCode, {"code": "frame channel"}),
    "HeadMotion": (
        HeadMotion,
        {
            "rotation": "frame row column",
            "translation": "frame xyz",
            "expression": "frame keypoint xyz",
            "scale": "frame one",
            "openness": "frame eyes_and_lips",
        },
    ),
}
MOST_BYTES = 1 << 28
"""Of the arrays of a file, hours of motion: a file that was tampered with shall not fill the memory."""
_LONGEST_HEADER = 1 << 20
_RATE = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?")
"""Neither exponents nor more digits: a few characters could name a number that never ends."""
_HEADER_TYPES = {"system": str, "model": str | None, "kind": str, "rate": str, "frames": int, "size": int}


@dataclasses.dataclass(frozen=True)
class MotionFile:
    """A clip's motion. Iterating gives the motion of one frame after the other."""

    system: str
    model: str | None
    """The name of the model that saw the clip: what keypoints mean is what that model has learnt."""
    rate: Fraction
    size: int
    motion: Any
    """One motion whose arrays have a leading axis over the frames."""

    def __len__(self) -> int:
        return len(jax.tree.leaves(self.motion)[0])

    def __iter__(self) -> Iterator[Any]:
        return (jax.tree.map(lambda rows, frame=frame: rows[frame], self.motion) for frame in range(len(self)))

    @property
    def initial(self) -> Any:
        """The motion of the clip's first frame."""
        return next(iter(self))


def write_motion(
    path: str | os.PathLike[str],
    motions: Iterable[Any],
    *,
    system: str,
    rate: Fraction | float,
    size: int,
    model: str | None = None,
) -> MotionFile:
    """What was written: the motions, one a frame, in a file that appears whole or not at all.

    Raises:
        InputError: the path cannot be written, or there is no motion, or more than `MOST_BYTES` of it.
    """
    target = check_output(path, (SUFFIX,))
    rows = [jax.tree.map(lambda x: np.asarray(x, np.float32), motion) for motion in motions]
    if not rows:
        raise InputError(f"there is no frame whose motion {target} could hold")
    taken = len(rows) * sum(leaf.nbytes for leaf in jax.tree.leaves(rows[0]))
    if taken > MOST_BYTES:
        raise InputError(f"{target} would hold {taken >> 20} MB of motion, and {MOST_BYTES >> 20} MB is the most")
    stacked = jax.tree.map(lambda *frames: np.stack(frames), *rows)
    file = MotionFile(system, model, Fraction(rate).limit_denominator(100_000), size, stacked)
    with appearing(target) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, header=np.array(_header(file)), **_fields(stacked))
    return file


def read_motion(path: str | os.PathLike[str]) -> MotionFile:
    """The motion file at `path`.

    Raises:
        InputError: there is no such file, it is no motion file, a newer version's, or damaged.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no motion file {path}; `thf motion extract` makes one from a clip")
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(str(array_in(archive, "header", _LONGEST_HEADER)))
        if header["format"] != FORMAT:
            raise ValueError(f"its format is {header['format']!r}")
    except DAMAGE as error:
        raise InputError(f"{path} is not a motion file; `thf motion extract` makes one from a clip") from error
    if header.get("version") != VERSION:
        found = header.get("version")
        raise InputError(f"{path} is a motion file of version {found}, and this program reads version {VERSION}")
    try:
        _check_header(header)
        with zipfile.ZipFile(path) as archive:
            return checked_motion(header, _arrays(archive, header))
    except KeyError as error:
        raise InputError(f"the motion file {path} is damaged: it lacks, or does not know, {error}") from error
    except DAMAGE as error:
        raise InputError(f"the motion file {path} is damaged: {error}") from error


def _arrays(archive: zipfile.ZipFile, header: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the fields, none of which is unpacked before all are known to be what the header tells of."""
    names = [name.removesuffix(".npy") for name in archive.namelist() if name != "header.npy"]
    for name in names:
        _check_form(header, name, *form_in(archive, name))
    if sum(archive.getinfo(f"{name}.npy").file_size for name in names) > MOST_BYTES:
        raise ValueError(f"it holds more than {MOST_BYTES >> 20} MB of motion")
    return {name: array_in(archive, name, MOST_BYTES) for name in names}


def _header(file: MotionFile) -> str:
    kind = type(file.motion).__name__
    axes = {name: axes.split() for name, axes in _KINDS[kind][1].items() if name in _fields(file.motion)}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "system": file.system,
        "model": file.model,
        "kind": kind,
        "rate": f"{file.rate.numerator}/{file.rate.denominator}",
        "frames": len(file),
        "size": file.size,
        "initial": 0,
        "axes": axes,
    }
    return json.dumps(header)


def _fields(motion: Any) -> dict[str, np.ndarray]:
    named = {field.name: getattr(motion, field.name) for field in dataclasses.fields(motion)}
    return {name: value for name, value in named.items() if value is not None}


def checked_motion(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> MotionFile:
    """The motion that a header, as above, and its arrays tell of.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: an entry or an array is missing, unknown or of another form.
    """
    rate = _check_header(header)
    for name, array in arrays.items():
        _check_form(header, name, array.shape, array.dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    motion = _KINDS[header["kind"]][0](**arrays)
    return MotionFile(header["system"], header["model"], rate, header["size"], motion)


def _check_header(header: dict[str, Any]) -> Fraction:
    """The rate, where all of the header is well-formed."""
    for name, kinds in _HEADER_TYPES.items():
        if not isinstance(header[name], kinds):
            raise ValueError(f"its {name} is {header[name]!r}")
    if header["kind"] not in _KINDS:
        raise KeyError(header["kind"])
    rate = Fraction(header["rate"]) if _RATE.fullmatch(header["rate"]) else Fraction(0)
    if rate <= 0 or header["frames"] < 1:
        raise ValueError(f"it has {header['frames']} frames at {header['rate'][:20]} a second")
    return rate


def _check_form(header: dict[str, Any], name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    axes = _KINDS[header["kind"]][1][name].split()
    if len(shape) != len(axes) or dtype != np.float32 or shape[0] != header["frames"]:
        raise ValueError(f"{name} holds {dtype} {list(shape)}")
