"""Torch checkpoints as nested dictionaries of NumPy arrays: no torch needed, and nothing in the file is run.

A `.pth`, `.pt` or `.pth.tar` file has one of two layouts. Since torch 1.6 it is an uncompressed zip archive of a
pickle, `data.pkl`, and one member a storage; before, it was a row of pickles with the storages behind them. The file is
mapped into memory and every array is a read-only view of it, so that no tensor is copied here.
"""

import functools
import hashlib
import io
import mmap
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from thf_jax.errors import InputError
from thf_jax.interop import torch_pickle
from thf_jax.interop.file_kinds import LEGACY_NUMBER, check_kind
from thf_jax.interop.pickle_machine import RefusedError, read_pickle
from thf_jax.interop.safetensors_reader import read_safetensors
from thf_jax.interop.torch_pickle import Storage

_DAMAGE = (ValueError, EOFError, OverflowError, NotImplementedError, struct.error, zipfile.BadZipFile)
"""What pickletools, zipfile and NumPy raise on bytes that make no sense."""


def read_checkpoint(path: str | os.PathLike) -> Any:
    """What `torch.load` would return, with NumPy arrays for tensors; of a safetensors file the flat dictionary.

    Devices are dropped, strides and storage offsets honoured; bfloat16 comes as `ml_dtypes.bfloat16`.

    Raises:
        InputError: the file is missing, damaged or of another kind, or it asks for more than tensors and plain values.
    """
    path = Path(path)
    kind = check_kind(path)
    if kind == "safetensors":
        return read_safetensors(path)
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _read_zip(path, content) if kind == "zip" else _read_legacy(content)
    except RefusedError as refusal:
        raise InputError(f"{path} {refusal}") from refusal
    except _DAMAGE as error:
        raise InputError(f"{path} is damaged or was cut short ({error}): download or copy it again") from error


def file_hash(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_zip(path: Path, content: mmap.mmap) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
    folders = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(folders) != 1:
        raise RefusedError(
            "is a zip archive but no torch checkpoint; if it holds one, unzip it and give the file inside"
        )
    if f"{folders[0]}constants.pkl" in members:
        raise RefusedError(
            "is a TorchScript program, which holds code; give the checkpoint with the state dictionaries"
        )

    @functools.cache
    def bytes_of_member(name: str) -> np.ndarray:
        if folders[0] + name not in members:
            raise ValueError(f"{name} is missing")
        return _member(content, members[folders[0] + name])

    foreign = f"{folders[0]}byteorder" in members and bytes_of_member("byteorder").tobytes() != sys.byteorder.encode()

    def bytes_of(storage: Storage) -> np.ndarray:
        data = _part(bytes_of_member(f"data/{storage.key}"), storage)
        return data.view(storage.dtype).byteswap().view(np.uint8) if foreign else data

    value = _pickle(io.BytesIO(bytes_of_member("data.pkl").tobytes()), torch_pickle.storage)
    return torch_pickle.to_numpy(value, bytes_of)


def _member(content: mmap.mmap, member: zipfile.ZipInfo) -> np.ndarray:
    """The bytes of a zip member, as a view of the file."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise RefusedError(
            "is a compressed zip archive, which torch never writes: give the original file, not a re-packed one"
        )
    # The member's own header, 30 bytes, ends with the lengths of the name and of the padding between it and the data.
    name_length, padding = struct.unpack_from("<2H", content, member.header_offset + 26)
    start = member.header_offset + 30 + name_length + padding
    data = np.frombuffer(content, np.uint8)[start : start + member.file_size]
    if len(data) != member.file_size or zlib.crc32(data.data) != member.CRC:
        raise ValueError(f"the checksum of {member.filename} does not match")
    return data


def _read_legacy(content: mmap.mmap) -> Any:
    roots: dict[str, Storage] = {}

    def remember(reference: Any) -> Storage:
        storage = torch_pickle.storage(reference)
        roots[storage.key] = storage
        return storage

    # The third describes the writer's machine; storages are little-endian whatever it says.
    number, protocol, _, value, keys = (_pickle(content, remember) for _ in range(5))
    known = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if number != LEGACY_NUMBER or protocol != 1001 or not known:
        raise ValueError("the parts before the tensors are not torch's")
    parts = {}
    for key in keys:
        if key not in roots:
            raise ValueError("a storage that no tensor uses")
        (count,) = struct.unpack("<q", content.read(8))
        size, start = count * roots[key].dtype.itemsize, content.tell()
        if not 0 <= size <= len(content) - start:
            raise ValueError("the storages end too early")
        parts[key] = np.frombuffer(content, np.uint8, size, start)
        content.seek(size, os.SEEK_CUR)
    return torch_pickle.to_numpy(value, lambda storage: _part(parts[storage.key], storage))


def _pickle(stream: io.BytesIO | mmap.mmap, persistent: Callable[[Any], Storage]) -> Any:
    return read_pickle(stream, constructors=torch_pickle.CONSTRUCTORS, inert=torch_pickle.INERT, persistent=persistent)


def _part(data: np.ndarray, storage: Storage) -> np.ndarray:
    """The bytes [count * itemsize] that a storage takes of a whole one."""
    start, size = storage.start * storage.dtype.itemsize, storage.count * storage.dtype.itemsize
    if start + size > len(data):
        raise ValueError(f"storage {storage.key} is too short")
    return data[start : start + size]
