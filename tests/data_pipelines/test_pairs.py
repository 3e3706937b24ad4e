"""Which frames make a pair, and how a pair is flipped."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.pairs import by_identity, draw_frames, flip
from data_pipelines.records import ClipEntry

CLIPS = [ClipEntry("a_1", "a", 0, 4), ClipEntry("b_1", "b", 4, 1), ClipEntry("a_2", "a", 5, 7)]
PAIR = {
    "source": np.arange(48, dtype=np.uint8).reshape(4, 4, 3),
    "driving": np.arange(100, 148, dtype=np.uint8).reshape(4, 4, 3),
}


def test_clips_are_grouped_by_identity():
    assert by_identity(CLIPS) == [[CLIPS[0], CLIPS[2]], [CLIPS[1]]]


@given(st.integers(0, 2**32 - 1))
def test_frames_are_of_one_clip_and_in_order(seed):
    source, driving = draw_frames(CLIPS, np.random.default_rng(seed))
    assert any(clip.start <= source <= driving < clip.start + clip.length for clip in CLIPS)


def test_frames_are_drawn_with_replacement_and_evenly():
    rng = np.random.default_rng(0)
    counts = np.zeros((4, 4))
    for _ in range(4000):
        counts[draw_frames(CLIPS[:1], rng)] += 1
    # Two dice sorted: each double has 1 of 16 chances, each other ordered pair 2.
    expected = 4000 / 16 * (2 * np.triu(np.ones((4, 4)), 1) + np.eye(4))
    assert counts.sum() == 4000
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(expected.max()))
    assert counts[np.tril_indices(4, -1)].sum() == 0


def flip_kind(rng, **chances):
    flipped = flip(PAIR, rng, **chances)
    swapped = {"source": PAIR["driving"], "driving": PAIR["source"]}
    mirrored = {name: frame[:, ::-1] for name, frame in PAIR.items()}
    kinds = {"swapped": swapped, "mirrored": mirrored, "kept": PAIR}
    (kind,) = (name for name, pair in kinds.items() if all(np.array_equal(pair[part], flipped[part]) for part in PAIR))
    return kind


def test_half_are_swapped_a_quarter_mirrored_none_both():
    rng = np.random.default_rng(0)
    kinds = [flip_kind(rng, time_flip=0.5, mirror=0.5) for _ in range(4000)]
    for kind, share in {"swapped": 0.5, "mirrored": 0.25, "kept": 0.25}.items():
        assert abs(kinds.count(kind) / 4000 - share) < 0.03


def test_chances_of_0_and_1():
    rng = np.random.default_rng(0)
    assert {flip_kind(rng, time_flip=1, mirror=1) for _ in range(20)} == {"swapped"}
    assert {flip_kind(rng, time_flip=0, mirror=1) for _ in range(20)} == {"mirrored"}
    assert {flip_kind(rng, time_flip=0, mirror=0) for _ in range(20)} == {"kept"}
