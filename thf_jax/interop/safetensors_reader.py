"""Safetensors files as dictionaries of NumPy arrays, with a sentence for what is wrong with one."""

import os

import numpy as np
from safetensors import SafetensorError, safe_open

from thf_jax.errors import InputError

_TYPES = frozenset(["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"])
"""What torch checkpoints hold; the format has more, some of which NumPy lacks."""


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors by name; bfloat16 comes as `ml_dtypes.bfloat16`.

    Raises:
        InputError: the file is missing or damaged, or has numbers of a type that no checkpoint has.
    """
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            types = {name: file.get_slice(name).get_dtype() for name in names}
            for name in names:
                if types[name] not in _TYPES:
                    raise InputError(
                        f"{path} has {name!r} of type {types[name]}, and {', '.join(sorted(_TYPES))} are read"
                    )
            return {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or was cut short ({error}): download or copy it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from error
