"""Batches of pairs: seeded, sharded, resumable."""

import collections
import dataclasses
import itertools

import numpy as np
import pytest

from data_pipelines.datasets import open_dataset
from data_pipelines.errors import InputError
from data_pipelines.loader import pair_batches
from data_pipelines.records import ClipEntry

# Identity a has three clips, b two, c to h one each; frame numbers run through all of them.
LENGTHS = {"a": (5, 9, 3), "b": (4, 4)} | dict.fromkeys("cdefgh", (6,))


def entries():
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
    frames = np.abs(np.concatenate(pairs)) - 1
    owner = {n: clip.identity for clip in Numbered().clips for n in range(clip.start, clip.start + clip.length)}
    assert all(owner[source] == owner[driving] for source, driving in frames.tolist())
    return [owner[source] for source in frames[:, 0].tolist()]


def test_same_seed_same_batches():
    first, again, other = batches(6), batches(6), batches(6, seed=8)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_threads_change_nothing():
    np.testing.assert_array_equal(batches(8, threads=0), batches(8, threads=3))


@pytest.mark.parametrize("shard_count", [2, 4])
def test_shards_together_draw_what_one_process_draws(shard_count):
    whole = np.stack(batches(6, batch_size=4, repeats=2))
    parts = [
        batches(6, batch_size=4 // shard_count, repeats=2, shard_index=index, shard_count=shard_count)
        for index in range(shard_count)
    ]
    together = np.stack([np.stack(part, axis=1).reshape(-1, 2) for part in zip(*parts, strict=True)])
    np.testing.assert_array_equal(together, whole)


def test_resumed_iterator_goes_on_alike(built):
    dataset = open_dataset(built, "train")
    options = {"batch_size": 3, "seed": 1, "threads": 2}
    whole = pair_batches(dataset, **options)
    for _ in range(3):
        next(whole)
    state = whole.get_state()
    expected = [next(whole) for _ in range(4)]
    resumed = pair_batches(dataset, **options)
    next(resumed)
    resumed.set_state(state)
    for batch in expected:
        np.testing.assert_equal(next(resumed), batch)


def test_each_identity_comes_repeats_times_an_epoch():
    drawn = identities(batches(12, batch_size=4, repeats=3))  # two epochs of 8 identities x 3
    for epoch in (drawn[:24], drawn[24:]):
        assert collections.Counter(epoch) == dict.fromkeys(LENGTHS, 3)
    assert drawn[:24] != drawn[24:]


def test_each_clip_comes_once_an_epoch_without_identity_sampling():
    drawn = identities(batches(11, batch_size=1, identity_sampling=False))
    assert collections.Counter(drawn) == {identity: len(lengths) for identity, lengths in LENGTHS.items()}


def test_every_clip_of_an_identity_is_drawn():
    frames = np.abs(np.concatenate(batches(5, batch_size=160, repeats=20))) - 1
    assert set(frames[frames < 17].tolist()) == set(range(17))


def test_draws_differ_between_epochs():
    single = Numbered(clips=(ClipEntry("a", "a", 0, 200),))
    pairs = np.concatenate(batches(10, dataset=single, batch_size=1))
    assert len(np.unique(pairs, axis=0)) == 10


def test_flips_are_handed_on():
    kept = np.concatenate(batches(3, batch_size=40, repeats=5, time_flip=0, mirror=0))
    assert (kept > 0).all()
    assert (kept[:, 0] <= kept[:, 1]).all()
    swapped = np.concatenate(batches(3, batch_size=40, repeats=5, time_flip=1, mirror=1))
    assert (swapped > 0).all()
    assert (swapped[:, 0] >= swapped[:, 1]).all()
    assert (np.concatenate(batches(3, batch_size=40, repeats=5, time_flip=0, mirror=1)) < 0).all()


def test_built_dataset_in_batches(built):
    dataset = open_dataset(built, "train")
    batch = next(pair_batches(dataset, batch_size=4, seed=0, identity_sampling=False))
    assert batch["source"].shape == batch["driving"].shape == (4, 64, 64, 3)
    clips = {40, 80, 120, 160}  # the red of each clip, which its pair must share
    assert {min(clips, key=lambda red: abs(red - int(image[..., 0].mean()))) for image in batch["source"]} == clips
    np.testing.assert_allclose(batch["source"][..., 0].mean((1, 2)), batch["driving"][..., 0].mean((1, 2)), atol=3)


def test_several_sources_and_a_stranger():
    kept = {"sources": 3, "stranger": True, "time_flip": 0, "mirror": 0, "seed": 1, "threads": 0}
    owner = {n: clip for clip in Numbered().clips for n in range(clip.start, clip.start + clip.length)}
    seen = set()
    for batch in itertools.islice(pair_batches(Numbered(), batch_size=2, **kept), 40):
        assert {name: images.shape for name, images in batch.items()} == {
            "source": (2, 3, 4, 4, 3),
            "driving": (2, 4, 4, 3),
            "stranger": (2, 4, 4, 3),
        }
        for sources, driving, stranger in zip(*(batch[name][..., 0, 0, 0].tolist() for name in batch), strict=True):
            assert [*sources, driving] == sorted([*sources, driving])
            assert len({owner[number] for number in (*sources, driving)}) == 1
            assert owner[stranger].identity != owner[driving].identity
            seen.add(stranger)
    assert len(seen) > 25  # of 62 frames in 80 draws


def test_all_images_of_an_example_are_mirrored():
    for batch in itertools.islice(
        pair_batches(Numbered(), batch_size=8, seed=0, sources=2, stranger=True, time_flip=0, threads=0), 4
    ):
        mirrored = batch["driving"][:, 0, 0, 1] == 255
        assert 0 < mirrored.sum() < 8
        np.testing.assert_array_equal(batch["source"][:, :, 0, 0, 1] == 255, np.stack([mirrored] * 2, axis=1))
        np.testing.assert_array_equal(batch["stranger"][:, 0, 0, 1] == 255, mirrored)


@pytest.mark.parametrize("identity_sampling", [True, False])
def test_strangers_change_nothing_else(identity_sampling):
    options = {"batch_size": 3, "seed": 5, "threads": 0, "identity_sampling": identity_sampling}
    alone, accompanied = (pair_batches(Numbered(), stranger=stranger, **options) for stranger in (False, True))
    owner = {n: clip.identity for clip in Numbered().clips for n in range(clip.start, clip.start + clip.length)}
    for expected, batch in itertools.islice(zip(alone, accompanied, strict=False), 10):
        strangers = batch.pop("stranger")[:, 0, 0, 0].tolist()
        assert all(owner[a] != owner[b] for a, b in zip(strangers, batch["driving"][:, 0, 0, 0].tolist(), strict=True))
        np.testing.assert_equal(batch, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 9}, "batches of 9 on 1 processes .* epoch of 8 pairs: give a batch size of 1 to 8"),
        ({"batch_size": 4, "shard_count": 3}, "give a batch size of 1 to 2"),
        ({"batch_size": 0}, "batches of 0"),
        ({"repeats": 0}, "nothing to draw pairs from"),
        ({"dataset": Numbered(clips=())}, "nothing to draw pairs from"),
        ({"shard_index": 2, "shard_count": 2}, "no shard 2 of 2: give 0 to 1"),
        ({"time_flip": 1.5}, "time_flip is 1.5: give 0 to 1"),
        ({"mirror": -0.1}, "mirror is -0.1: give 0 to 1"),
        ({"seed": -1}, "seed is -1: give 0 to 4294967295"),
        ({"threads": -1}, "threads is -1: give 0 or more"),
        ({"sources": 0}, "sources is 0: give 1 or more"),
        ({"mirror": float("nan")}, "mirror is nan: give 0 to 1"),
        (
            {"dataset": Numbered(clips=tuple(entries())[:3]), "stranger": True, "batch_size": 1},
            "no stranger in a split whose clips all show 'a': give one with two identities",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        batches(1, **options)
