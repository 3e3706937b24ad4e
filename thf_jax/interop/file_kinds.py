"""What kind of file is handed over as a checkpoint, by its first bytes, with advice for the kinds that are none."""

import os
import tarfile
from pathlib import Path
from typing import Literal

from thf_jax.errors import InputError

LEGACY_NUMBER = 0x1950A86A20F9469CFC6C
"""Torch before 1.6 began every file with this number, pickled."""

Kind = Literal["zip", "legacy", "safetensors"]


def check_kind(path: Path) -> Kind:
    """The layout of a checkpoint: torch's `zip` or `legacy`, or `safetensors`.

    Raises:
        InputError: there is no such file, or it is of another kind.
    """
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, and a checkpoint is one file; a .pth.tar needs no unpacking: give it as downloaded"
        )
    try:
        with path.open("rb") as file:
            start = file.read(1024)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if LEGACY_NUMBER.to_bytes(10, "little") in start[:32]:
        return "legacy"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size - 8:
        return "safetensors"
    raise InputError(f"{path} {_advice(path, start)}")


def _advice(path: Path, start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "is empty: the download did not work"
    if start.startswith(b"\x1f\x8b"):
        return "is a gzip archive: decompress it and give the checkpoint inside, which needs no further unpacking"
    if start[257:262] == b"ustar" or tarfile.is_tarfile(path):
        return _tar_advice(path)
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page, not a checkpoint (a quota or login page, say): download the checkpoint again"
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the checkpoint itself: fetch it with 'git lfs pull'"
    if start.startswith((b"\x80", b"(", b"c", b"]", b"}")) and b"\x00" in start:
        return "is a pickle that torch did not write; give the file that torch.save made"
    if start.startswith(b"\x89HDF"):
        return "is an HDF5 file; give the PyTorch checkpoint (.pth, .pth.tar) or a .safetensors file"
    if _is_text(start):
        return "is a text file; give the PyTorch checkpoint (.pth, .pth.tar) or a .safetensors file"
    return "is no PyTorch checkpoint and no safetensors file, or its beginning is damaged: download it again"


def _tar_advice(path: Path) -> str:
    try:
        with tarfile.open(path) as archive:
            names = {name.removeprefix("./") for name in archive.getnames()}
    except (tarfile.TarError, OSError, EOFError):
        return "is a damaged tar archive: download it again"
    if {"storages", "tensors", "pickle"} <= names:
        return "was written by torch 0.1.9 or older, whose tar layout is not read: load and save it with a later torch"
    return "is a real tar archive: extract it and give the checkpoint inside, which needs no further unpacking"


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode("utf-8", "strict" if len(start) < 1024 else "ignore")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
