"""Which frames make an example, and how it is flipped."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.pairs import by_identity, select_pair, select_stranger
from data_pipelines.records import ClipEntry

CLIPS = [ClipEntry("a_1", "a", 0, 4), ClipEntry("b_1", "b", 4, 1), ClipEntry("a_2", "a", 5, 7)]
UNFLIPPED = {"time_flip": 0.0, "mirror": 0.0}


def test_clips_are_grouped_by_identity():
    assert by_identity(CLIPS) == [[CLIPS[0], CLIPS[2]], [CLIPS[1]]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_frames_are_of_one_clip_and_in_order(seed, sources):
    selection = select_pair(CLIPS, np.random.default_rng(seed), sources=sources, **UNFLIPPED)
    frames = [*selection.sources, selection.driving]
    assert len(frames) == sources + 1 and frames == sorted(frames)
    assert any(clip.start <= frames[0] and frames[-1] < clip.start + clip.length for clip in CLIPS)
    assert not selection.mirrored and selection.stranger is None


def test_frames_are_drawn_with_replacement_and_evenly():
    rng = np.random.default_rng(0)
    counts = np.zeros((4, 4))
    for _ in range(4000):
        selection = select_pair(CLIPS[:1], rng, sources=1, **UNFLIPPED)
        counts[selection.sources[0], selection.driving] += 1
    # Two dice sorted: each double has 1 of 16 chances, each other ordered pair 2.
    expected = 4000 / 16 * (2 * np.triu(np.ones((4, 4)), 1) + np.eye(4))
    assert counts.sum() == 4000
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(expected.max()))
    assert counts[np.tril_indices(4, -1)].sum() == 0


def test_several_frames_are_drawn_with_replacement_and_evenly():
    rng = np.random.default_rng(0)
    counts = collections.Counter()
    for _ in range(6400):
        selection = select_pair([ClipEntry("a", "a", 0, 2)], rng, sources=3, **UNFLIPPED)
        counts[(*selection.sources, selection.driving)] += 1
    # Four tosses of a coin, sorted: 1, 4, 6, 4, 1 of 16 chances.
    for ones, chances in enumerate((1, 4, 6, 4, 1)):
        frames = (0,) * (4 - ones) + (1,) * ones
        assert abs(counts[frames] - 400 * chances) < 4 * np.sqrt(400 * chances)


def flip_kind(rng, *, sources, **chances):
    """How the pair differs from the one that the same draws give without flips."""
    state = rng.bit_generator.state
    flipped = select_pair([ClipEntry("a", "a", 0, 10**9)], rng, sources=sources, **chances)
    copy = np.random.default_rng()
    copy.bit_generator.state = state
    plain = select_pair([ClipEntry("a", "a", 0, 10**9)], copy, sources=sources, **UNFLIPPED)
    if flipped == plain:
        return "kept"
    if flipped == plain._replace(mirrored=True):
        return "mirrored"
    place = flipped.sources.index(plain.driving)
    assert flipped.driving == plain.sources[place] and not flipped.mirrored
    restored = (*flipped.sources[:place], plain.sources[place], *flipped.sources[place + 1 :])
    assert restored == plain.sources
    return f"exchanged {place}"


def test_half_are_exchanged_a_quarter_mirrored_none_both():
    rng = np.random.default_rng(0)
    kinds = [flip_kind(rng, sources=1, time_flip=0.5, mirror=0.5) for _ in range(4000)]
    for kind, share in {"exchanged 0": 0.5, "mirrored": 0.25, "kept": 0.25}.items():
        assert abs(kinds.count(kind) / 4000 - share) < 0.03


def test_any_of_several_sources_is_exchanged():
    rng = np.random.default_rng(0)
    kinds = [flip_kind(rng, sources=3, time_flip=0.75, mirror=0.5) for _ in range(4000)]
    for kind, share in dict.fromkeys(("exchanged 0", "exchanged 1", "exchanged 2"), 0.25).items():
        assert abs(kinds.count(kind) / 4000 - share) < 0.03
    assert abs(kinds.count("mirrored") / 4000 - 0.125) < 0.03


def test_chances_of_0_and_1():
    rng = np.random.default_rng(0)
    assert {flip_kind(rng, sources=1, time_flip=1, mirror=1) for _ in range(20)} == {"exchanged 0"}
    assert {flip_kind(rng, sources=1, time_flip=0, mirror=1) for _ in range(20)} == {"mirrored"}
    assert {flip_kind(rng, sources=1, time_flip=0, mirror=0) for _ in range(20)} == {"kept"}


@pytest.mark.parametrize("own", [0, 1, 2])
def test_strangers_are_the_others_evenly(own):
    identities = [CLIPS[:1], [CLIPS[1]], [ClipEntry("c_1", "c", 5, 2), ClipEntry("c_2", "c", 7, 3)]]
    rng = np.random.default_rng(0)
    counts = np.bincount([select_stranger(identities, own, rng) for _ in range(6000)], minlength=10) / 6000
    # Each identity, each clip of it and each frame of that alike.
    chances = np.array([1 / 4] * 4 + [1] + [1 / 2 / 2] * 2 + [1 / 2 / 3] * 3)
    chances[[range(4), [4], range(5, 10)][own]] = 0
    np.testing.assert_allclose(counts, chances / 2, atol=0.03)
    assert (counts[chances == 0] == 0).all()
