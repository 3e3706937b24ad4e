"""Torch's names in a pickle, answered by inert records of storages and tensors, and these turned into NumPy arrays."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from thf_jax.interop import numpy_pickle
from thf_jax.interop.numpy_pickle import NumberArray, NumberType, whole_numbers
from thf_jax.interop.pickle_machine import Global, RefusedError, dictionary

_STORAGES = {
    "DoubleStorage": np.dtype(np.float64),
    "FloatStorage": np.dtype(np.float32),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}
STORAGE_TYPES = {f"{module}.{name}": dtype for module in ("torch", "torch.cuda") for name, dtype in _STORAGES.items()}
_NUMBER_TYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
_DEEPEST = 100


@dataclass(frozen=True)
class Storage:
    """`count` numbers that lie elsewhere in the file, from number `start` of the storage `key`."""

    key: str
    dtype: np.dtype
    count: int
    start: int = 0


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, data: np.ndarray) -> np.ndarray:
        """The tensor as a view of the bytes [count * itemsize] of its storage.

        Raises:
            RefusedError: it has more numbers than its storage, or reaches beyond it.
        """
        size, itemsize = math.prod(self.shape), self.storage.dtype.itemsize
        last = self.offset + sum((length - 1) * step for length, step in zip(self.shape, self.strides, strict=True))
        if size == 0:
            return np.empty(self.shape, self.storage.dtype)
        if size > self.storage.count or last >= self.storage.count:
            raise RefusedError(
                f"has a tensor of shape {self.shape} that does not fit the {self.storage.count} numbers of its storage"
            )
        strides = [
            step * itemsize if length > 1 else itemsize for length, step in zip(self.shape, self.strides, strict=True)
        ]
        return np.ndarray(self.shape, self.storage.dtype, data, self.offset * itemsize, strides)


def storage(reference: Any) -> Storage:
    """The storage that a persistent id names: ('storage', type, key, device, count), in old files with a view of it.

    The device is where the tensor was when it was saved; it is dropped.
    """
    if not isinstance(reference, tuple) or not reference or reference[0] != "storage":
        raise RefusedError("holds a pickled Python object (a whole model), and only state dictionaries are read")
    kind, key, device, count, *view = reference[1:]
    if not isinstance(kind, Global) or kind.name not in STORAGE_TYPES or not isinstance(key, str):
        raise TypeError("a storage without a type or a key")
    if device == "meta":
        raise RefusedError("has tensors of the device 'meta', which have shapes but no numbers")
    whole_numbers((count,))
    start = 0
    if view and view[0] is not None:
        _, start, count = view[0]
        whole_numbers((start, count))
    return Storage(key, STORAGE_TYPES[kind.name], count, start)


def _tensor(origin: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(origin, Storage):
        raise TypeError("a tensor without a storage")
    return Tensor(origin, whole_numbers((offset,))[0], whole_numbers(shape), whole_numbers(strides))


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _device(*parts: Any) -> str:
    if not all(isinstance(part, str | int) for part in parts):
        raise TypeError("a device that is neither text nor a number")
    return ":".join(map(str, parts))


CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": dictionary,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": whole_numbers,
    "torch.device": _device,
    **numpy_pickle.CONSTRUCTORS,
}
INERT = frozenset(STORAGE_TYPES) | {f"torch.{name}" for name in _NUMBER_TYPES} | numpy_pickle.INERT


def to_numpy(value: Any, bytes_of: Callable[[Storage], np.ndarray]) -> Any:
    """The value with its records replaced: tensors by NumPy arrays, names and types by their text.

    Args:
        value: what `read_pickle` made with CONSTRUCTORS, INERT and `storage`.
        bytes_of: the bytes of a storage, uint8 [count * itemsize].

    Raises:
        RefusedError: a tensor does not fit its storage, or the structure has no end.
    """
    done: dict[int, Any] = {}

    def walk(value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            raise RefusedError(f"is nested more than {_DEEPEST} levels deep, as no checkpoint is")
        # What the file shares is walked once: sharing on many levels would otherwise take exponential time.
        if id(value) not in done:
            done[id(value)] = convert(value, depth)
        return done[id(value)]

    def convert(value: Any, depth: int) -> Any:
        match value:
            case dict():
                return {key: walk(item, depth + 1) for key, item in value.items()}
            case list():
                return [walk(item, depth + 1) for item in value]
            case tuple():
                return tuple(walk(item, depth + 1) for item in value)
            case Tensor():
                return value.view(bytes_of(value.storage))
            case Storage():
                return bytes_of(value).view(value.dtype)
            case NumberArray():
                return value.values
            case NumberType():
                return str(value.dtype)
            case Global():
                return value.name
            case _:
                return value

    return walk(value, 0)
