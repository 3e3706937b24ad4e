"""A dataset whose pictures tell their numbers, and batches of it as numbers."""

import dataclasses
import itertools

import numpy as np

from data_pipelines.loader import pair_batches
from data_pipelines.records import ClipEntry

# Identity a has three clips, b two, c to h one each; frame numbers run through all of them.
LENGTHS = {"a": (5, 9, 3), "b": (4, 4)} | dict.fromkeys("cdefgh", (6,))


def entries():
    """The index of the clips."""
    start = 0
    for identity, lengths in LENGTHS.items():
        for number, length in enumerate(lengths):
            yield ClipEntry(f"{identity}_{number}", identity, start, length)
            start += length


@dataclasses.dataclass(frozen=True)
class Numbered:
    """A dataset whose frame n has the colour (n, 0, 0) in its left half and (n, 255, 0) in its right."""

    clips: tuple[ClipEntry, ...] = tuple(entries())
    size: int = 4

    def frame(self, number):
        frame = np.zeros((4, 4, 3), np.uint8)
        frame[..., 0] = number
        frame[:, 2:, 1] = 255
        return frame

    def frames(self, clip):
        return (self.frame(number) for number in range(clip.start, clip.start + clip.length))


def batches(count, dataset=None, **options):
    """So many batches as a list, each an array [b 2] of (source, driving) frame numbers, negative where mirrored."""
    options = {"batch_size": 4, "seed": 7, "threads": 0} | options
    return [numbers(batch) for batch in itertools.islice(pair_batches(dataset or Numbered(), **options), count)]


def numbers(batch):
    """The frame numbers of one batch, as above."""
    assert set(batch) == {"source", "driving"}
    signed = []
    for name in ("source", "driving"):
        images = batch[name]
        assert images.dtype == np.uint8
        assert images.shape[1:] == (4, 4, 3)
        mirrored = images[:, 0, 0, 1] == 255
        signed.append(np.where(mirrored, -1, 1) * (images[:, 0, 0, 0].astype(int) + 1))
    return np.stack(signed, axis=-1)


def identities(pairs):
    """Who is seen in each pair of some batches."""
    return [clip.identity for clip in _clips(pairs)]


def clip_names(pairs):
    """Which clip each pair of some batches is of."""
    return [clip.name for clip in _clips(pairs)]


def _clips(pairs):
    frames = np.abs(np.concatenate(pairs)) - 1
    owner = {n: clip for clip in Numbered().clips for n in range(clip.start, clip.start + clip.length)}
    assert all(owner[source] == owner[driving] for source, driving in frames.tolist())
    return [owner[source] for source in frames[:, 0].tolist()]
