"""Batches of pairs: seeded, of the frames and flips that were asked for."""

import itertools

import numpy as np
import pytest

from data_pipelines.datasets import open_dataset
from data_pipelines.errors import InputError
from data_pipelines.loader import pair_batches
from data_pipelines.records import ClipEntry
from tests.data_pipelines.samples import Numbered, batches, entries


def test_same_seed_same_batches():
    first, again, other = batches(6), batches(6), batches(6, seed=8)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_threads_change_nothing():
    np.testing.assert_array_equal(batches(8, threads=0), batches(8, threads=3))


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
