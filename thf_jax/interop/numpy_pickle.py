"""NumPy's names in a pickle, answered by inert records: optimisers keep learning rates as NumPy scalars."""

from typing import Any

import numpy as np

from thf_jax.interop.pickle_machine import RefusedError

_CODES = frozenset(["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"])


class NumberType:
    """`numpy.dtype` of numbers and booleans. The state that follows it in the pickle has the byte order."""

    def __init__(self, code: Any, *_: Any):
        # Only text may be looked up or quoted: hashing a deep tuple ends the interpreter, its text grows without end.
        if not isinstance(code, str):
            raise TypeError("a NumPy type whose name is no text")
        if code not in _CODES:
            raise RefusedError(f"has NumPy values of type {code!r}, and only numbers and booleans are read")
        self.dtype = np.dtype(code)

    def build(self, state: Any) -> None:
        """Take over (version, byte order, ...)."""
        self.dtype = self.dtype.newbyteorder(state[1])


class NumberArray:
    """`numpy.ndarray`, made empty; the state that follows it in the pickle has shape, type and numbers."""

    def __init__(self, *_: Any):
        self.values = np.empty(0)

    def build(self, state: Any) -> None:
        """Take over (version, shape, type, whether columns come first, bytes)."""
        _, shape, kind, columns_first, data = state
        self.values = _numbers(kind, data).reshape(whole_numbers(shape), order="F" if columns_first else "C")


def scalar(kind: Any, data: Any) -> Any:
    """The Python number of a NumPy scalar."""
    return _numbers(kind, data).item()


def encode(text: Any, encoding: Any) -> bytes:
    """The bytes that Python 3 writes as text in old pickle protocols."""
    if not isinstance(text, str) or not isinstance(encoding, str):
        raise TypeError("bytes written as something else than text")
    if encoding != "latin1":
        raise RefusedError(f"has bytes written as text in the encoding {encoding!r}, and only 'latin1' is read")
    return text.encode("latin-1")


def whole_numbers(values: Any) -> tuple[int, ...]:
    """The values, a list or a tuple, if all are whole numbers from 0 to 2^63 - 1; else TypeError."""
    if not isinstance(values, list | tuple) or any(
        type(value) is not int or not 0 <= value < 2**63 for value in values
    ):
        raise TypeError("sizes that are not whole numbers")
    return tuple(values)


def _numbers(kind: Any, data: Any) -> np.ndarray:
    if not isinstance(kind, NumberType):
        raise TypeError("NumPy values without a type")
    # Python 2 wrote bytes as text.
    return np.frombuffer(data.encode("latin-1") if isinstance(data, str) else data, kind.dtype)


CONSTRUCTORS = {
    "_codecs.encode": encode,
    "numpy.dtype": NumberType,
    "numpy.core.multiarray._reconstruct": NumberArray,
    "numpy._core.multiarray._reconstruct": NumberArray,
    "numpy.core.multiarray.scalar": scalar,
    "numpy._core.multiarray.scalar": scalar,
}
INERT = frozenset({"numpy.ndarray"})
