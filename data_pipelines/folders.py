"""A folder of clips as a dataset, read without being built: for evaluation, not for training."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from data_pipelines.clips import list_clips, open_clip
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
        clip = next(clip for clip in self.clips if clip.start <= number < clip.start + clip.length)
        return next(itertools.islice(self.frames(clip), number - clip.start, None))

    def frames(self, clip: ClipEntry) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        """The frames of one clip in order, one at a time.

        Raises:
          InputError: the clip is damaged, or its frames have another size and none was asked for.
        """
        path = self.paths[self.clips.index(clip)]
        for frame in open_clip(path).frames():
            if self.resized:
                frame = resize(centre_square(frame), self.size)
            if frame.shape[:2] != (self.size, self.size):
                raise InputError(
                    f"The clip {path} has frames of {frame.shape[1]} x {frame.shape[0]}, not {self.size} x {self.size}: "
                    "give a size to which all are cropped and resized."
                )
            yield frame


def split_folders(folder: Path) -> list[str]:
    """The names of the sub-folders that hold clips."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and list_clips(path))


def open_folder(folder: Path, *, size: int | None) -> FolderDataset:
    """The clips of `folder`; `size` None takes the size of the first frame for that of all.

    Raises:
      InputError: the folder holds no clips, or one of them cannot be opened.
    """
    paths = list_clips(folder)
    if not paths:
        raise InputError(f"The split {folder} is empty: put clips into it.")
    entries, start = [], 0
    for path in paths:
        clip = open_clip(path)
        length = sum(1 for _ in clip.frames()) if clip.length is None else clip.length
        entries.append(ClipEntry(path.stem, identity_of(path), start, length, clip.rate))
        start += length
    side = size if size is not None else next(open_clip(paths[0]).frames()).shape[0]
    return FolderDataset(tuple(entries), side, tuple(paths), resized=size is not None)
