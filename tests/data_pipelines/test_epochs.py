"""Epochs: exact, in one order over any number of processes, and resumed in the middle."""

import collections
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_pipelines.datasets import open_dataset
from data_pipelines.loader import pair_batches
from tests.data_pipelines.samples import LENGTHS, Numbered, batches, clip_names, identities, numbers


def test_each_identity_comes_repeats_times_an_epoch():
    drawn = identities(batches(12, batch_size=4, repeats=3))  # two epochs of 8 identities x 3
    for epoch in (drawn[:24], drawn[24:]):
        assert collections.Counter(epoch) == dict.fromkeys(LENGTHS, 3)
    assert drawn[:24] != drawn[24:]


def test_each_clip_comes_once_an_epoch_without_identity_sampling():
    drawn = clip_names(batches(11, batch_size=1, identity_sampling=False))
    assert collections.Counter(drawn) == {clip.name: 1 for clip in Numbered().clips}


def together(count, shard_count, *, batch_size, state=None, **options):
    """The batches that so many processes see together, each an array [batch_size 2]; from a state on if it is given."""
    parts = []
    for index in range(shard_count):
        local = {"batch_size": batch_size // shard_count, "seed": 7, "threads": 0}
        iterator = pair_batches(Numbered(), **local, shard_index=index, shard_count=shard_count, **options)
        if state is not None:
            iterator.set_state(state)
        parts.append([numbers(next(iterator)) for _ in range(count)])
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("shard_count", [2, 4])
def test_processes_together_see_the_batches_of_one_row_by_row(shard_count):
    options = {"batch_size": 8, "repeats": 2}
    np.testing.assert_array_equal(together(6, shard_count, **options), together(6, 1, **options))


@pytest.mark.parametrize("shard_count", [1, 2, 4])
@pytest.mark.parametrize(
    ("options", "chances"),
    [
        ({"batch_size": 8, "repeats": 3}, dict.fromkeys(LENGTHS, 3)),  # 24 in an epoch: 3 batches
        (  # 11 in an epoch: it ends in the middle of a batch
            {"batch_size": 4, "identity_sampling": False},
            {identity: len(lengths) for identity, lengths in LENGTHS.items()},
        ),
    ],
)
def test_two_epochs_are_exact_over_processes(shard_count, options, chances):
    epoch = sum(chances.values())
    pairs = together(-(-2 * epoch // options["batch_size"]), shard_count, **options)
    drawn = identities(pairs)
    first, second = drawn[:epoch], drawn[epoch : 2 * epoch]
    if "identity_sampling" in options:
        clips = clip_names(pairs)
        once = {clip.name: 1 for clip in Numbered().clips}
        assert collections.Counter(clips[:epoch]) == collections.Counter(clips[epoch : 2 * epoch]) == once
    assert collections.Counter(first) == collections.Counter(second) == chances
    assert first != second


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 4), (4, 1)])
def test_another_number_of_processes_goes_on_in_the_middle_of_an_epoch(before, after):
    options = {"batch_size": 8, "repeats": 3}
    states = []
    for index in range(before):
        iterator = pair_batches(
            Numbered(), batch_size=8 // before, seed=7, repeats=3, shard_index=index, shard_count=before, threads=2
        )
        next(iterator)
        states.append(iterator.get_state())
    assert all(state == states[0] for state in states)
    resumed = together(5, after, state=states[0], **options)
    np.testing.assert_array_equal(resumed, together(6, 1, **options)[1:])


def test_real_processes_agree():
    code = (
        "import hashlib, sys\n"
        "from data_pipelines.datasets import open_dataset\n"
        "from data_pipelines.loader import pair_batches\n"
        "dataset = open_dataset('moving_heads', 'train', size=8)\n"
        "batches = pair_batches(dataset, batch_size=2, seed=3, shard_index=int(sys.argv[1]), shard_count=2)\n"
        "for _ in range(6):\n"  # 8 identities: an epoch and a half
        "    batch = next(batches)\n"
        "    print(*(hashlib.sha256(row.tobytes()).hexdigest() for row in (*batch['source'], *batch['driving'])))\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(index)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": str(index), "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for index in range(2)
    ]
    outputs = [process.communicate()[0].splitlines() for process in started]
    whole = pair_batches(open_dataset("moving_heads", "train", size=8), batch_size=4, seed=3)
    for lines in zip(*outputs, strict=True):
        batch = next(whole)
        for index, line in enumerate(lines):
            rows = [*batch["source"][2 * index :][:2], *batch["driving"][2 * index :][:2]]
            assert line.split() == [hashlib.sha256(row.tobytes()).hexdigest() for row in rows]
    assert len(outputs[0]) == 6


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
