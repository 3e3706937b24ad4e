"""Output files that appear whole or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from thf_jax.errors import InputError, nearest


def check_output(path: str | os.PathLike[str], suffixes: Collection[str]) -> Path:
    """The path, once it is known that something can be written there. Asked before any work is done.

    Args:
        path: where the output is to appear.
        suffixes: the valid ends of its name; the empty one stands for a folder.

    Raises:
        InputError: another suffix, no such folder, something of another kind stands there, or no right to write.
    """
    target = Path(path)
    if target.name in ("", "..") or target.name.lower() in suffixes:
        raise InputError(f"{os.fspath(path)!r} is no name of a file or folder to write; write a name, as in out.mp4")
    if target.suffix.lower() not in suffixes:
        choices = [suffix for suffix in suffixes if suffix]
        if not choices:
            raise InputError(f"{target.name} looks like the name of a file: give that of a folder, without a dot")
        raise InputError(f"{target.name} would be a file of an unknown kind{nearest(target.suffix.lower(), choices)}")
    if not target.parent.is_dir():
        raise InputError(f"{target} cannot be written: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(f"{target} cannot be written: the folder {target.parent} is read-only")
    if target.suffix and target.is_dir():
        raise InputError(f"{target} cannot be written: it is a folder; name a file in it")
    if not target.suffix and target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"{target} cannot be written: a folder must be new or empty")
    return target


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A hidden sibling of `target` to write to; it takes the target's place at the end, or vanishes after an error."""
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.partial{target.suffix}")
    try:
        yield partial
        os.replace(partial, target)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)
