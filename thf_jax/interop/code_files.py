"""Files of the linear maps that let head pose and sound drive X2Face: numpy archives, no pickle.

`header` is a JSON string: `format` ("thf_jax codes"), `version`, `kind` (a class of `thf_jax.models.x2face_codes`) and
`feature` (what the map takes, null for head pose). Beside it stands one float32 array a field of the kind.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from thf_jax.errors import InputError
from thf_jax.inference.outputs import appearing, check_output
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes

FORMAT = "thf_jax codes"
VERSION = 1
SUFFIX = ".npz"
_KINDS: dict[str, tuple[type[Any], dict[str, str]]] = {
    "PoseCodes": (PoseCodes, {"pose_from_code": "3 c", "pose_offset": "3", "code_from_pose": "c 3"}),
    "AudioCodes": (AudioCodes, {"code_from_feature": "c f"}),
}
"""By name, the class and the shape of each of its fields; a letter stands for one size throughout."""


class CodeFile(NamedTuple):
    """What a file holds."""

    codes: PoseCodes | AudioCodes
    feature: str | None
    """The name of the features that a map from sound takes; None with a map from head pose."""


def write_codes(path: str | os.PathLike[str], codes: PoseCodes | AudioCodes, *, feature: str | None = None) -> Path:
    """Where the file is, which appears whole or not at all.

    Args:
        path: its name ends with .npz.
        codes: the maps.
        feature: the name of the features that a map from sound takes.

    Raises:
        InputError: the path cannot be written.
    """
    target = check_output(path, (SUFFIX,))
    header = json.dumps({"format": FORMAT, "version": VERSION, "kind": type(codes).__name__, "feature": feature})
    arrays = {name: np.asarray(value, np.float32) for name, value in codes._asdict().items()}
    with appearing(target) as partial, partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, header=np.array(header), **arrays)
    return target


def read_codes(path: str | os.PathLike[str]) -> CodeFile:
    """The maps in the file at `path`.

    Raises:
        InputError: there is no such file, or it holds no maps.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file of codes {path}; `python -m experiments.fit_codes` makes one")
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop("header")))
        if (header["format"], header["version"]) != (FORMAT, VERSION):
            raise ValueError(f"it is of format {header['format']!r}, version {header['version']!r}")
        kind, shapes = _KINDS[header["kind"]]
        feature = header["feature"]
        _check(arrays, shapes)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no file of codes, as `python -m experiments.fit_codes` writes it") from error
    return CodeFile(kind(**{name: jnp.asarray(array, jnp.float32) for name, array in arrays.items()}), feature)


def _check(arrays: dict[str, np.ndarray], shapes: dict[str, str]) -> None:
    sizes: dict[str, int] = {}
    if set(arrays) != set(shapes):
        raise ValueError(f"it holds {sorted(arrays)}")
    for name, axes in shapes.items():
        expected = tuple(
            int(axis) if axis.isdecimal() else sizes.setdefault(axis, size)
            for axis, size in zip(axes.split(), arrays[name].shape, strict=True)
        )
        if arrays[name].shape != expected or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds {arrays[name].dtype} {list(arrays[name].shape)}")
