"""A folder of clips as a dataset, read without being built: for evaluation, not for training."""

import bisect
import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from data_pipelines.clips import clip_name, list_clips, open_clip
from data_pipelines.errors import InputError
from data_pipelines.images import centre_square, resize
from data_pipelines.records import ClipEntry
from data_pipelines.sources import identity_of


@dataclasses.dataclass(frozen=True)
class FolderDataset:
    """The clips of one folder; `frame` reads its clip from the start, so read whole clips with `frames`."""

    clips: tuple[ClipEntry, ...]
    size: int
    paths: tuple[Path, ...]
    resized: bool

    def frame(self, number: int) -> UInt8[np.ndarray, "size size 3"]:
        """Frame `number` of the split."""
        clip = self.clips[bisect.bisect_right(self.clips, number, key=lambda clip: clip.start) - 1]
        return next(itertools.islice(self.frames(clip), number - clip.start, None))

    def frames(self, clip: ClipEntry) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The frames of one clip in order, one at a time.

        Raises:
            InputError: the clip is damaged, or its frames have another size and none was asked for.
        """
        path = self.paths[self.clips.index(clip)]
        for frame in open_clip(path).frames():
            fitted = resize(centre_square(frame), self.size) if self.resized else frame
            if fitted.shape[:2] != (self.size, self.size):
                height, width = fitted.shape[:2]
                raise InputError(
                    f"the clip {path} has frames of {width} x {height}, not {self.size} x {self.size} like the first: "
                    "give the size to which all are to be cropped and resized"
                )
            yield fitted


def split_folders(folder: Path) -> list[str]:
    """The names of the sub-folders that hold clips."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and list_clips(path))


def open_folder(folder: Path, *, size: int | None) -> FolderDataset:
    """The clips of `folder`; where `size` is None all frames must be square and as large as the first.

    Raises:
        InputError: the folder holds no clips, one of them cannot be opened, or the first is not square.
    """
    paths = list_clips(folder)
    if not paths:
        raise InputError(f"the split {folder} is empty: put clips into it")
    entries, start = [], 0
    for path in paths:
        clip = open_clip(path)
        length = sum(1 for _ in clip.frames()) if clip.length is None else clip.length
        entries.append(ClipEntry(clip_name(path), identity_of(path), start, length, clip.rate))
        start += length
    side = size or min(next(open_clip(paths[0]).frames()).shape[:2])
    return FolderDataset(tuple(entries), side, tuple(paths), resized=size is not None)
