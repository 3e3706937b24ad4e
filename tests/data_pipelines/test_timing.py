"""Uneven times, and constant rates made of them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.timing import Times, at_rate

MILLISECOND = Fraction(1, 1000)


def times(starts, *, last=0):
    return Times(np.array(starts, np.int64), last, MILLISECOND)


def timed(starts, *, last=0):
    """Pictures that are their numbers."""
    ends = [*starts[1:], starts[-1] + last]
    return [(k, s * MILLISECOND, (e - s) * MILLISECOND) for k, (s, e) in enumerate(zip(starts, ends, strict=True))]


def test_even_is_what_no_picture_is_half_a_frame_out_of():
    assert times([0, 33, 67, 100, 133]).even_at(Fraction(30))
    assert times([500, 540, 599, 601, 660]).even_at(Fraction(25)), "counted from the first picture"
    assert not times([0, 40, 101]).even_at(Fraction(25))
    assert not times([0, 19, 80]).even_at(Fraction(25))
    assert times([7]).even_at(Fraction(25))


def test_rates():
    assert times([0, 40, 80, 120]).mean_rate() == 25
    assert times([0, 40, 80, 120], last=80).mean_rate() == 20
    assert times([0, 33, 67, 100, 133, 1000, 1033]).usual_rate() == Fraction(5000, 166), "the pause does not count"
    assert times([0, 40, 40, 41, 81, 121]).usual_rate() == 25, "nor do pictures that come together"
    assert times([0, 1, 1001]).usual_rate() == 1000
    assert times([5]).mean_rate() is None
    assert times([5, 5]).mean_rate() is None
    assert times([5, 5]).usual_rate() is None


def test_the_longest_time_that_a_picture_stands():
    assert times([0, 40, 80, 1080, 1120], last=40).longest() == 1
    assert times([0, 40], last=90).longest() == Fraction(9, 100)


@given(st.lists(st.integers(1, 200), max_size=20), st.integers(0, 200), st.fractions(1, 60))
def test_a_frame_shows_the_last_picture_before_its_middle(gaps, last, rate):
    starts = np.cumsum([0, *gaps]).tolist()
    found = list(at_rate(timed(starts, last=last), rate))
    middles = [(number + Fraction(1, 2)) / rate for number in range(len(found))]
    assert found == [max(k for k, start in enumerate(starts) if start * MILLISECOND < middle) for middle in middles]
    shown = starts[-1] * MILLISECOND + max(last * MILLISECOND, 1 / rate)
    assert abs(len(found) / rate - shown) <= 1 / rate / 2
    assert len(found) == times(starts, last=last).frames_at(rate)


@given(st.lists(st.integers(-19, 19), min_size=1, max_size=20))
def test_pictures_that_are_little_out_of_step_all_appear_once(jitter):
    starts = [40 * k + shift for k, shift in enumerate([0, *jitter])]
    assert list(at_rate(timed(starts), Fraction(25))) == list(range(len(starts)))


@pytest.mark.parametrize(
    "stated", [[0, None, None, None], [0, 40, 20, 120], [0, 40, 40, 120], [None] * 4, [0, 40, -9999, -9959]]
)
def test_pictures_without_a_time_that_makes_sense_are_taken_as_even(stated):
    pictures = [(k, None if t is None else t * MILLISECOND, Fraction(0)) for k, t in enumerate(stated)]
    assert list(at_rate(pictures, Fraction(25))) == [0, 1, 2, 3]


def test_no_pictures_are_no_frames():
    assert list(at_rate([], Fraction(25))) == []


def test_no_more_than_one_picture_is_held():
    drawn = []

    def pictures():
        for picture in timed([0, 40, 80, 120]):
            drawn.append(picture)
            yield picture

    assert next(at_rate(pictures(), Fraction(25))) == 0
    assert len(drawn) == 2
