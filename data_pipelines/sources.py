"""A folder of clips on its way into a dataset: its splits, and each clip cropped, resized and encoded."""

import collections
import functools
import itertools
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import IO, NamedTuple, TypedDict

from data_pipelines.clips import clip_name, list_clips, open_clip
from data_pipelines.errors import InputError
from data_pipelines.images import centre_square, resize
from data_pipelines.progress import track
from data_pipelines.records import ClipFrames, encode_frame

MINIMUM_FRAMES = 2


class LeftOut(TypedDict):
    """A clip or folder of the source that is not in the dataset: its path within the source, and why. Goes to JSON."""

    path: str
    reason: str


def find_splits(source: str | os.PathLike[str], left_out: list[LeftOut]) -> dict[str, list[Path]]:
    """The clips of every sub-folder of `source` that is a split, that is, holds a clip of at least two frames.

    Other sub-folders (single stills, no clips) are appended to `left_out`.

    Raises:
        InputError: no sub-folder is a split, one holds damaged clips alone, or TFDS cannot have a split of its name.
    """
    source = Path(source)
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: give a folder that holds a folder of clips for each split")
    splits = {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")):
        paths = list_clips(folder)
        if _has_usable_clip(folder, paths):
            _check_name(folder)
            splits[folder.name] = paths
        else:
            left_out.append(
                LeftOut(path=folder.name, reason=f"the folder holds no clip of {MINIMUM_FRAMES} or more frames")
            )
    if not splits:
        raise InputError(
            f"the source {source} has no folder with clips of at least {MINIMUM_FRAMES} frames: "
            "it must hold one for each split, such as train and test"
        )
    return splits


def identity_of(path: Path) -> str:
    """Who is seen in the clip, by its name: what stands before the first '#', else before the first '_', else all."""
    name = clip_name(path)
    return name.partition("#")[0] if "#" in name else name.partition("_")[0]


def encode_clips(
    paths: list[Path], *, split: str, size: int, left_out: list[LeftOut], workers: int | None = None
) -> Iterator[ClipFrames]:
    """The clips as square JPEG frames of side `size`; those that are damaged or too short go to `left_out` instead.

    `workers` clips (by default as many as there are processors) are encoded at a time, each to a temporary file of its
    own: so a clip goes in whole or not at all, and memory does not grow with its length.

    Raises:
        InputError: none of the clips can be used.
    """
    used = 0
    workers = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        results = _in_order(pool, functools.partial(_encode, size=size), paths, ahead=workers)
        for path, result in track(zip(paths, results, strict=True), total=len(paths), label=split):
            if isinstance(result, str):
                left_out.append(LeftOut(path=f"{split}/{path.name}", reason=result))
                continue
            used += 1
            with result.file as file:
                frames = (file.read(length) for length in result.lengths)
                yield ClipFrames(clip_name(path), identity_of(path), result.rate, frames)
    if not used:
        raise InputError(f"the split {split} has no usable clip among {len(paths)}: {left_out[-1]['reason']}")


class _Encoded(NamedTuple):
    rate: Fraction | None
    file: IO[bytes]
    lengths: list[int]


def _encode(path: Path, size: int) -> _Encoded | str:
    """The JPEG frames of a clip, one after the other in a temporary file, or the reason why there are none."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller reads it)
    try:
        clip = open_clip(path)
        lengths = [file.write(encode_frame(resize(centre_square(frame), size))) for frame in clip.frames()]
    except InputError as error:
        file.close()
        return str(error).replace(f"{path}{os.sep}", "").replace(f" {path}", "")
    except BaseException:
        file.close()
        raise
    if len(lengths) < MINIMUM_FRAMES:
        file.close()
        return f"the clip has {len(lengths)} frame, at least {MINIMUM_FRAMES} are needed"
    file.seek(0)
    return _Encoded(clip.rate, file, lengths)


def _in_order(
    pool: ThreadPoolExecutor, encode: Callable[[Path], _Encoded | str], paths: list[Path], *, ahead: int
) -> Iterator[_Encoded | str]:
    """The results for `paths` in their order, at most `ahead` of them computed before they are asked for."""
    pending: collections.deque[Future[_Encoded | str]] = collections.deque()
    try:
        for path in paths:
            pending.append(pool.submit(encode, path))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            if not future.cancel() and not isinstance(result := future.result(), str):
                result.file.close()


def _has_usable_clip(folder: Path, paths: list[Path]) -> bool:
    """Whether a clip has the frames; only the beginnings are read.

    Raises:
        InputError: none has, and one is damaged: that folder was surely meant to be a split.
    """
    damage = None
    for path in paths:
        try:
            if sum(1 for _ in itertools.islice(open_clip(path).frames(), MINIMUM_FRAMES)) == MINIMUM_FRAMES:
                return True
        except InputError as error:
            damage = damage or error
    if damage:
        raise InputError(f"the split {folder.name} has no usable clip among {len(paths)}: {damage}")
    return False


def _check_name(folder: Path) -> None:
    if not re.fullmatch(r"\w+", folder.name) or folder.name.lower() == "all":
        raise InputError(
            f"the folder {folder} cannot be a split: its name must be letters, digits and _ alone, and not 'all'"
        )
