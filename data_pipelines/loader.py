"""Batches of training pairs, the same for the same seed on any number of machines, and resumable in the middle."""

import grain
import numpy as np

from data_pipelines.datasets import Dataset
from data_pipelines.errors import InputError
from data_pipelines.pairs import Pair, by_identity, draw_frames, flip


def pair_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    seed: int,
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
    another clip and other frames are drawn. All draws depend on the seed and the number of the pair alone: the
    processes of a run together see the pairs that one process would see.

    Args:
        dataset: an open split.
        batch_size: pairs in a batch of this process.
        seed: of all draws.
        identity_sampling: draw an identity, then one of its clips; else draw the clip.
        repeats: how often each comes in an epoch.
        time_flip: probability that source and driving are exchanged.
        mirror: probability that a pair that was not exchanged is mirrored.
        shard_index: number of this process, `jax.process_index()`.
        shard_count: number of processes, `jax.process_count()`.
        threads: that read and decode; 0 reads in the calling thread.

    Raises:
        InputError: an option is out of range, the split is empty, or an epoch is smaller than one batch.
    """
    groups = by_identity(dataset.clips) if identity_sampling else [[clip] for clip in dataset.clips]
    epoch = len(groups) * repeats
    _check(epoch, batch_size=batch_size, shard_index=shard_index, shard_count=shard_count)
    _check_range("time_flip", time_flip, 1)
    _check_range("mirror", mirror, 1)
    _check_range("seed", seed, 2**32 - 1)
    if threads < 0:
        raise InputError(f"threads is {threads}: give 0 or more")

    def draw(number: int, rng: np.random.Generator) -> Pair:
        source, driving = draw_frames(groups[number % len(groups)], rng)
        pair = {"source": dataset.frame(source), "driving": dataset.frame(driving)}
        return flip(pair, rng, time_flip=time_flip, mirror=mirror)

    # The map comes before the slice, so that its draws depend on the number of the pair in the whole run.
    pairs = grain.MapDataset.range(epoch).seed(seed).shuffle().repeat(None).random_map(draw)
    batches = pairs[shard_index::shard_count].batch(batch_size, drop_remainder=True)
    return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)))


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


def _check_range(name: str, value: float, highest: int) -> None:
    if not 0 <= value <= highest:
        raise InputError(f"{name} is {value}: give 0 to {highest}")
