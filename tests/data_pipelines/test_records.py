"""The record format: shards of a stream of clips and the index of clips."""

from fractions import Fraction

import numpy as np
import pytest

from data_pipelines import records
from data_pipelines.records import ClipFrames


def clip(number, length):
    frames = ({"image": b"%d" % frame} for frame in range(length))
    return ClipFrames(f"clip{number}", f"person{number % 2}", Fraction(25), frames)


def test_shards_take_clips_in_turn_and_fill_the_index(monkeypatch):
    monkeypatch.setattr(records, "CLIPS_PER_SHARD", 2)
    entries = []
    shards = records.shards((clip(number, number + 1) for number in range(5)), 5, entries)
    written = [[(key, dict(record)) for key, record in shard()] for shard in shards]
    assert [[record["clip"] for _, record in shard] for shard in written] == [[0, 1, 1], [2] * 3 + [3] * 4, [4] * 5]
    examples = [example for shard in written for example in shard]
    assert [key for key, _ in examples] == list(range(15))
    assert [(entry["start"], entry["length"]) for entry in entries] == [(0, 1), (1, 2), (3, 3), (6, 4), (10, 5)]
    for entry in entries:
        own = [record for _, record in examples[entry["start"] : entry["start"] + entry["length"]]]
        assert [record["frame"] for record in own] == list(range(entry["length"]))


def test_shards_draw_no_clip_before_it_is_asked_for():
    drawn = []

    def clips():
        for number in range(3):
            drawn.append(number)
            yield clip(number, 2)

    (shard,) = records.shards(clips(), 3, [])
    stream = shard()
    assert drawn == []
    next(stream)
    assert drawn == [0]


def test_written_records_leave_the_memory():
    frames = [{"image": b"", "pose": np.zeros(3)}] * 3
    (shard,) = records.shards([ClipFrames("a", "a", None, frames)], 1, [])
    kept = [record for _, record in shard()]
    assert kept == [{}, {}, {}]


@pytest.mark.parametrize("shape", [(64, 64, 3), (17, 31, 3)])
def test_frames_survive_encoding(shape):
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    frame = np.stack([4 * ys, 4 * xs, 255 - 2 * (ys + xs)], axis=-1).clip(0, 255).astype(np.uint8)
    decoded = records.decode_frame(records.encode_frame(frame[:, ::-1]))
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - frame[:, ::-1]).mean() < 1.5
