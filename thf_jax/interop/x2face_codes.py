"""The published maps between X2Face's code, head pose and sound."""

import io
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from thf_jax.errors import InputError
from thf_jax.interop import numpy_pickle
from thf_jax.interop.networks import flatten
from thf_jax.interop.pickle_machine import RefusedError, read_pickle
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes

PUBLISHED_FEATURE = "published"
"""The name of the authors' features of sound, which are those of a network that is not available."""
EPSILON = 1e-5
"""Of the batch norm behind the layer from pose to code."""

_NAMES = {
    "pose_from_code": r"(.*posefrombottle\.)?weight",
    "pose_offset": r"(.*posefrombottle\.)?bias",
    "code_from_pose": r"(.*bottlefrompose\.)?0\.weight",
    "scale": r"(.*bottlefrompose\.)?1\.weight",
    "var": r"(.*bottlefrompose\.)?1\.running_var",
}
"""What is needed of the state dictionaries; the rest are offsets, which cancel."""

_ADVICE = (
    "save its numbers where it can be trusted, with numpy.savez('codes.npz', coef=model.coef_, "
    "intercept=model.intercept_), and give that file"
)


def published_pose_codes(paths: Sequence[str | os.PathLike[str]]) -> PoseCodes:
    """The maps in `posereg.pth` and `posetobottle.pth`, or in the pose model alone, which has the same layers.

    Raises:
        InputError: a file cannot be read, or a layer is in none of them or has another shape.
    """
    flat: dict[str, Any] = {}
    for path in paths:
        checkpoint = read_checkpoint(path)
        flat |= flatten(checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else checkpoint)
    arrays = {name: value for name, value in flat.items() if isinstance(value, np.ndarray)}
    matching = {
        field: [value for name, value in arrays.items() if re.fullmatch(pattern, name)]
        for field, pattern in _NAMES.items()
    }
    found = {field: values[0] for field, values in matching.items() if values}
    title = " and ".join(os.fspath(path) for path in paths)
    missing = [field for field in _NAMES if field not in found]
    if missing:
        raise InputError(
            f"{title} lack the layers between code and pose ({', '.join(missing)}): give posereg.pth together with "
            "posetobottle.pth, or the pose model"
        )
    codes = found["scale"].size
    shapes = {"pose_from_code": (3, codes), "pose_offset": (3,), "code_from_pose": (codes, 3)}
    for field, shape in {**shapes, "scale": (codes,), "var": (codes,)}.items():
        if found[field].shape != shape:
            raise InputError(f"{title}: {field} has the shape {found[field].shape}, not {shape}")
        if not np.isfinite(found[field]).all():
            raise InputError(f"{title}: {field} has numbers that are not finite")
    values = {field: value.astype(np.float64) for field, value in found.items()}
    gain = values["scale"] / np.sqrt(values["var"] + EPSILON)
    values["code_from_pose"] = gain[:, None] * values["code_from_pose"]
    return PoseCodes(**{field: jnp.asarray(values[field], jnp.float32) for field in shapes})


def published_audio_codes(path: str | os.PathLike[str]) -> AudioCodes:
    """The regression in one of the authors' pickles, or in an .npz of `coef` and `intercept`. Nothing in it is run.

    Raises:
        InputError: the file cannot be read, is a pickle of another layout, or holds no matrix [codes features].
    """
    coefficients = _coefficients(Path(path))
    if not isinstance(coefficients, np.ndarray) or coefficients.ndim != 2 or coefficients.dtype.kind != "f":
        raise InputError(f"{path} has no matrix of coefficients, a row a number of the code and a column a feature")
    if not np.isfinite(coefficients).all():
        raise InputError(f"{path} has coefficients that are not finite")
    return AudioCodes(jnp.asarray(coefficients, jnp.float32))


class _Regression:
    """A pickled LinearRegression as an inert record: the state that follows it in the pickle is kept, and no more."""

    def __init__(self, *_: Any):
        self.state: dict[str, Any] = {}

    def build(self, state: Any) -> None:
        """Take the attributes over."""
        if not isinstance(state, dict):
            raise TypeError("attributes that are no dictionary")
        self.state = state


_CLASSES = [f"sklearn.linear_model.{module}.LinearRegression" for module in ("base", "_base")]
_MAKERS = {name: _Regression for name in ("copy_reg._reconstructor", "copyreg._reconstructor", *_CLASSES)}


def _coefficients(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the regression {path}: {error.strerror}") from error
    if content.startswith(b"PK"):
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return archive["coef"]
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is no archive with the arrays coef and intercept") from error
    try:
        regression = read_pickle(
            io.BytesIO(content),
            constructors={**numpy_pickle.CONSTRUCTORS, **_MAKERS},
            inert={*numpy_pickle.INERT, "__builtin__.object", "builtins.object"},
            persistent=_refuse_reference,
        )
        return regression.state["coef_"].values
    except RefusedError as error:
        raise InputError(f"{path} {error}; {_ADVICE}") from error
    except (ValueError, AttributeError, KeyError) as error:
        raise InputError(f"{path} is no pickled regression that can be read without running it; {_ADVICE}") from error


def _refuse_reference(reference: Any) -> Any:
    raise RefusedError(f"refers to something outside it, {reference!r:.60}")
