"""Arrays of a numpy archive (.npz) that anybody may have made: none takes more memory than it was allowed."""

import math
import struct
import zipfile
import zlib

import numpy as np

DAMAGE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError),
    *(RuntimeError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What zipfile, NumPy and json raise on bytes that make no sense."""


def array_in(archive: zipfile.ZipFile, name: str, most: int) -> np.ndarray:
    """The array of this name.

    Args:
        most: how many bytes it may take once it is unpacked.

    Raises:
        One of `DAMAGE`: there is no such array, or it is longer or damaged.
    """
    if archive.getinfo(f"{name}.npy").file_size > most:
        raise ValueError(f"{name} is longer than {most} bytes")
    form_in(archive, name)
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def form_in(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array of this name, which is not unpacked.

    NumPy reserves memory for the shape that it reads, whether or not the numbers are there: here they must be.

    Raises:
        One of `DAMAGE`: there is no such array, or it is damaged.
    """
    with archive.open(f"{name}.npy") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{name} is no array")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if stream.tell() + math.prod(shape) * dtype.itemsize != archive.getinfo(f"{name}.npy").file_size:
            raise ValueError(f"{name} has not as many numbers as it says")
    return shape, dtype
