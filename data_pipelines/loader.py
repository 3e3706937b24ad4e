"""Batches of training pairs, the same for the same seed on any number of machines, and resumable in the middle."""

import functools
import math
from collections.abc import Sequence

import grain
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

from data_pipelines.datasets import Dataset
from data_pipelines.errors import InputError
from data_pipelines.pairs import Selection, by_identity, select_pair, select_stranger
from data_pipelines.pose_labels import frame_pose

Batch = dict[str, UInt8[np.ndarray, "b ... h w 3"] | Float32[np.ndarray, "b 3"]]

_MIRRORED = np.array([-1, 1, -1], np.float32)  # what mirroring does to yaw, pitch and roll


def pair_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    seed: int,
    sources: int = 1,
    stranger: bool = False,
    pose: bool = False,
    identity_sampling: bool = True,
    repeats: int = 1,
    time_flip: float = 0.5,
    mirror: float = 0.5,
    shard_index: int = 0,
    shard_count: int = 1,
    threads: int = 2,
) -> grain.DatasetIterator:
    """An endless iterator of {'source', 'driving'}: uint8 [batch_size h w 3], with `get_state` and `set_state`.

    Every identity (or clip) comes `repeats` times an epoch, in an order that is shuffled anew each epoch; each time
    another clip and other frames are drawn. All draws depend on the seed and the number of the example alone: the
    batches of all processes of a run, one after the other, are the batch that one process would see, and where an epoch
    ends in the middle of a batch the next one begins there. The state counts the batches that were given, so that any
    number of processes goes on from the state of any other, as long as `batch_size` times `shard_count` stays the same.
    `select_pair` says how the frames of one example are drawn, `select_stranger` how the stranger is.

    Args:
        dataset: an open split.
        batch_size: examples in a batch of this process.
        seed: of all draws.
        sources: frames as source of each example; more than one make 'source' [batch_size sources h w 3].
        stranger: give 'stranger' [batch_size h w 3] too, a frame of another identity, mirrored where the example is.
            The pairs are those without it.
        pose: give 'pose' [batch_size 3] too, float32: yaw, pitch and roll of the head in the driving frame, in degrees,
            as they are once it is mirrored; NaN where no face was found.
        identity_sampling: draw an identity, then one of its clips; else draw the clip.
        repeats: how often each comes in an epoch.
        time_flip: probability that the driving frame and one of the sources are exchanged.
        mirror: probability that an example that was not exchanged is mirrored.
        shard_index: number of this process, `jax.process_index()`.
        shard_count: number of processes, `jax.process_count()`.
        threads: that read and decode; 0 reads in the calling thread.

    Raises:
        InputError: an option is out of range, the split is empty, an epoch is smaller than one batch, there is no
            stranger because all clips show one identity, or the dataset has no labels of head pose.
    """
    identities = by_identity(dataset.clips)
    groups = identities if identity_sampling else [[clip] for clip in dataset.clips]
    epoch = len(groups) * repeats
    _check(epoch, batch_size=batch_size, shard_index=shard_index, shard_count=shard_count)
    _check_range("time_flip", time_flip, 0, 1)
    _check_range("mirror", mirror, 0, 1)
    _check_range("seed", seed, 0, 2**32 - 1)
    _check_range("sources", sources, 1)
    _check_range("threads", threads, 0)
    if stranger and len(identities) == 1:
        raise InputError(
            f"there is no stranger in a split whose clips all show {dataset.clips[0].identity!r}: "
            "give one with two identities or more, or none with stranger=False"
        )
    if pose:
        frame_pose(dataset, 0)
    number_of = {clips[0].identity: number for number, clips in enumerate(identities)}

    def select(number: int, rng: np.random.Generator) -> Selection:
        clips = groups[number % len(groups)]
        selection = select_pair(clips, rng, sources=sources, time_flip=time_flip, mirror=mirror)
        if not stranger:
            return selection
        return selection._replace(stranger=select_stranger(identities, number_of[clips[0].identity], rng))

    # The map comes before the slice, so that its draws depend on the number of the example in the whole run. The batch
    # does too: the processes' parts, one after the other, are the batch of one process, row by row.
    selections = grain.MapDataset.range(epoch).seed(seed).shuffle().repeat(None).random_map(select)
    batches = selections.batch(
        batch_size, drop_remainder=True, batch_fn=functools.partial(read_batch, dataset, pose=pose)
    )
    reading = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    return iter(batches[shard_index::shard_count].to_iter_dataset(reading))


def read_batch(dataset: Dataset, selections: Sequence[Selection], *, pose: bool = False) -> Batch:
    """The frames of the examples, by name: 'source', 'driving' and, where they have one, 'stranger'; and the 'pose'."""
    sources, drivings, mirrored, strangers = zip(*selections, strict=True)
    wanted = {"source": np.array(sources), "driving": np.array(drivings)}
    if wanted["source"].shape[1] == 1:
        wanted["source"] = wanted["source"][:, 0]
    if None not in strangers:
        wanted["stranger"] = np.array(strangers)
    batch: Batch = {name: _read_frames(dataset, numbers, np.array(mirrored)) for name, numbers in wanted.items()}
    if pose:
        degrees = np.stack([frame_pose(dataset, number) for number in drivings]).astype(np.float32)
        batch["pose"] = np.where(np.array(mirrored)[:, None], degrees * _MIRRORED, degrees)
    return batch


def _read_frames(
    dataset: Dataset, numbers: Int[np.ndarray, "b ..."], mirrored: Bool[np.ndarray, "b"]
) -> UInt8[np.ndarray, "b ... h w 3"]:
    """The frames of these numbers, mirrored where their example is.

    Mirroring costs 0.14 ms for a frame of 256 x 256, in a quarter of the pairs, where reading and decoding costs 0.4 ms
    for every frame; the exchange in time costs nothing, because it is of numbers. On a device each would be a choice
    between two images for every pair, and its draw no longer that of the example's number.
    """
    shape = dataset.size, dataset.size, 3
    images = np.empty((numbers.size, *shape), np.uint8)
    turned = np.repeat(mirrored, numbers.size // len(numbers))
    for image, number, turn in zip(images, numbers.flat, turned, strict=True):
        frame = dataset.frame(int(number))
        for channel in range(3) if turn else ():  # three times as fast as all at once
            image[..., channel] = frame[:, ::-1, channel]
        if not turn:
            image[:] = frame
    return images.reshape(*numbers.shape, *shape)


def _check(epoch: int, *, batch_size: int, shard_index: int, shard_count: int) -> None:
    if epoch <= 0:
        raise InputError("there is nothing to draw pairs from: the split has no clips, or repeats is not positive")
    if not 0 <= shard_index < shard_count:
        raise InputError(f"there is no shard {shard_index} of {shard_count}: give 0 to {shard_count - 1}")
    if not 0 < batch_size * shard_count <= epoch:
        raise InputError(
            f"batches of {batch_size} on {shard_count} processes cannot be drawn from an epoch of {epoch} pairs: "
            f"give a batch size of 1 to {epoch // shard_count}, or raise repeats"
        )


def _check_range(name: str, value: float, lowest: int, highest: float = math.inf) -> None:
    if not lowest <= value <= highest:
        raise InputError(f"{name} is {value}: give {lowest} " + ("or more" if highest == math.inf else f"to {highest}"))
