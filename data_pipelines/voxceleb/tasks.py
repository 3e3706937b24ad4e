"""One clip of the dataset to be: what it is made from, and the function that makes it.

`perform` is the unit of work of a build, wherever it runs: it depends on its arguments alone and leaves one file. The
file is written under another name first, so that there is either nothing or the whole of it. A clip ends with an end
mark, a frame of no bytes: one that a crash of the machine has cut off all the same is noticed when it is read.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import struct
import uuid
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from data_pipelines import faces
from data_pipelines.clips import Frame, frame_paths, open_clip
from data_pipelines.errors import InputError
from data_pipelines.images import centre_square, resize
from data_pipelines.records import JPEG_QUALITY, ClipFrames, encode_frame
from data_pipelines.sources import MINIMUM_FRAMES
from data_pipelines.voxceleb.cuts import Cut, cut_frames
from data_pipelines.voxceleb.recipe import FRAME_RATE

WORK_FORMAT = 2
"""Raised with every change of what `perform` writes, so that no build reads the work of an older version."""

CLIP, LEFT_OUT, UNFINISHED = ".clip", ".left_out", ".part"
_LENGTH = struct.Struct("<I")


@dataclasses.dataclass(frozen=True)
class Task:
    """A clip to be made.

    `origin` is how the report names it, `path` the clip or video that it comes from, `size` the side of its frames;
    `cut` says which part of the video it is, None that it is the whole clip, cropped to its central square;
    `labels` whether its frames get those of `data_pipelines.faces`, `need_face` whether one of them has to show a face.
    """

    name: str
    identity: str
    split: str
    origin: str
    path: Path
    size: int
    cut: Cut | None = None
    labels: bool = False
    need_face: bool = False

    def key(self) -> str:
        """A name for the finished work that changes with whatever changes the work, the files at `path` included."""
        states = [(file.name, file.stat()) for file in (frame_paths(self.path) if self.path.is_dir() else [self.path])]
        files = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
        text = repr((WORK_FORMAT, JPEG_QUALITY, dataclasses.astuple(self), files))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def perform(job: tuple[Task, str]) -> None:
    """Makes the clip of a task, or finds out why there is none, and leaves that in a file.

    Args:
        job: the task, and the path of the file without its suffix: `CLIP` is added for a clip, `LEFT_OUT` for the
            reason why there is none.

    Raises:
        RuntimeError: something else went wrong than that the clip cannot be used; it names the clip.
    """
    task, target = job
    part = f"{target}.{uuid.uuid4().hex}{UNFINISHED}"  # An attempt that was given up may still be writing its own.
    try:
        if task.labels:
            faces.check_installed()  # Else a machine without the extra would leave out all of its clips.
        with open(part, "xb") as file:
            try:
                rate, frames = _open(task)
                file.write(json.dumps({"rate": None if rate is None else str(rate)}).encode() + b"\n")
                count, seen = 0, False
                for frame in frames:
                    jpeg = encode_frame(resize(frame, task.size))
                    file.write(_LENGTH.pack(len(jpeg)) + jpeg)
                    if task.labels:
                        labels = faces.labels_of(jpeg)
                        seen = seen or faces.found(labels)
                        file.write(faces.pack(labels))
                    count += 1
                _check_length(task, count)
                if task.need_face and not seen:
                    raise InputError(f"no face is found in any of its {count} frames")
                file.write(_LENGTH.pack(0))
                suffix = CLIP
            except InputError as error:
                if (trouble := _machine_trouble(error, task.path)) is not None:
                    raise trouble from error
                file.seek(0)
                file.truncate()
                file.write(_without_path(str(error), task.path).encode())
                suffix = LEFT_OUT
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target + suffix)
    except Exception as error:
        raise RuntimeError(f"{task.origin}: {type(error).__name__}: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def read_clip(task: Task, file: Path) -> Iterator[ClipFrames]:
    """The one clip that `perform` left in `file`; its frames are read as they are drawn, while the iterator waits.

    Raises:
        RuntimeError: the file is cut off; it is removed then, so that the next build makes it anew.
    """
    with file.open("rb") as stream:
        header = stream.readline()
        if not header.endswith(b"\n"):
            raise _cut_off(task, file)
        rate: str | None = json.loads(header)["rate"]
        frames = _read_frames(stream, task, file)
        yield ClipFrames(task.name, task.identity, None if rate is None else Fraction(rate), frames)


def read_reason(task: Task, file: Path) -> str:
    """Why there is no clip, as `perform` left it in `file`.

    Raises:
        RuntimeError: the file is empty; it is removed then, so that the next build makes it anew.
    """
    reason = file.read_text(encoding="utf-8")
    if not reason:
        raise _cut_off(task, file)
    return reason


def _read_frames(stream: BinaryIO, task: Task, file: Path) -> Iterator[dict[str, Any]]:
    def read(count: int) -> bytes:
        data = stream.read(count)
        if len(data) < count:
            raise _cut_off(task, file)
        return data

    while length := _LENGTH.unpack(read(_LENGTH.size))[0]:
        columns: dict[str, Any] = {"image": read(length)}
        if task.labels:
            columns |= faces.unpack(read(faces.PACKED.itemsize))
        yield columns


def _cut_off(task: Task, file: Path) -> RuntimeError:
    """The error for a damaged file, which is removed."""
    file.unlink(missing_ok=True)
    return RuntimeError(f"{task.origin}: the finished work {file} was cut off and is removed: start the build again")


def _open(task: Task) -> tuple[Fraction | None, Iterator[Frame]]:
    """Frames a second, and the frames, cropped and not yet resized."""
    if task.cut is not None:
        return Fraction(FRAME_RATE), cut_frames(task.path, task.cut)
    clip = open_clip(task.path, threads=1)  # There is a worker for every processor already.
    return clip.rate, (centre_square(frame) for frame in clip.frames())


def _machine_trouble(error: BaseException, path: Path) -> OSError | MemoryError | None:
    """What kept the clip from being read though nothing may be wrong with it, such as too many open files."""
    if not path.exists():
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    cause = error.__cause__
    while cause is not None:
        # Pillow's OSErrors about damaged images have no number.
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None):
            return cause
        cause = cause.__cause__
    return None


def _check_length(task: Task, count: int) -> None:
    least = MINIMUM_FRAMES if task.cut is None else task.cut.min_frames
    if count < least:
        ends = "" if task.cut is None or count == task.cut.stop - task.cut.first else " before the video ends"
        raise InputError(f"the clip has {count} frame{'s' * (count != 1)}{ends}, at least {least} are needed")


def _without_path(sentence: str, path: Path) -> str:
    return sentence.replace(f"{path}{os.sep}", "").replace(f" {path}", "")
