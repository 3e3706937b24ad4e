"""Boxes: overlap, the pieces of a track, and the square that is cut out."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from data_pipelines.errors import InputError
from data_pipelines.voxceleb.boxes import Box, Segment, segments, square_within

sides = strategies.integers(1, 12)
corners = strategies.integers(-6, 12)
boxes = strategies.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corners, corners, sides, sides)


def cells(box: Box) -> np.ndarray:
    grid = np.zeros((32, 32), bool)
    grid[8 + int(box.top) : 8 + int(box.bottom), 8 + int(box.left) : 8 + int(box.right)] = True
    return grid


@hypothesis.given(boxes, boxes)
def test_overlap_counts_cells(one, other):
    common, either = (cells(one) & cells(other)).sum(), (cells(one) | cells(other)).sum()
    assert math.isclose(one.overlap(other), common / either)
    assert math.isclose(one.scaled(0.3, 7).overlap(other.scaled(0.3, 7)), common / either, abs_tol=1e-12)


@hypothesis.given(boxes, boxes)
def test_union_is_the_smallest_box_around_both(one, other):
    rows, columns = np.nonzero(cells(one) | cells(other))
    expected = (columns.min() - 8, rows.min() - 8, columns.max() - 7, rows.max() - 7)
    assert one.union(other) == expected


@pytest.mark.parametrize("box", [Box(0, 0, 0, 5), Box(3, 3, 2, 9), Box(0, 0, math.nan, 1), Box(0, 0, math.inf, 1)])
def test_what_is_no_face(box):
    assert not box.is_face()


def pieces(track, **options):
    return list(segments(track, **{"least_overlap": 0.25, "max_frames": 100} | options))


def shifted(*lefts: float, first: int = 0):
    return [(first + number, Box(left, 0, left + 10, 10)) for number, left in enumerate(lefts)]


def test_a_piece_ends_where_the_face_has_left_its_first_box():
    # Moved by 6 of 10 the overlap is 4 / 16 = 0.25, which is enough; by 7 it is 3 / 17.
    assert pieces(shifted(0, 3, 6, 7, 8, 0)) == [
        Segment(0, 3, Box(0, 0, 16, 10)),
        Segment(3, 5, Box(7, 0, 18, 10)),
        Segment(5, 6, Box(0, 0, 10, 10)),
    ]


def test_a_piece_ends_where_it_is_long_enough():
    ends = [(piece.first, piece.stop) for piece in pieces(shifted(*[0] * 7, first=5), max_frames=3)]
    assert ends == [(5, 8), (8, 11), (11, 12)]


def test_a_piece_ends_at_a_gap_and_at_a_lost_face():
    track = [*shifted(0, 0), *shifted(0, 0, first=4), (6, Box(0, 0, 0, 0)), *shifted(0, first=7)]
    assert [(piece.first, piece.stop) for piece in pieces(track)] == [(0, 2), (4, 6), (7, 8)]
    assert pieces([(0, Box(0, 0, 0, 0))]) == pieces([]) == []


def published_square(box: Box, increase: float) -> tuple[float, ...]:
    """The arithmetic of the published script, without its rounding toward 0: each side grows by its own share."""
    grow_x = max(increase, ((1 + 2 * increase) * box.height - box.width) / (2 * box.width))
    grow_y = max(increase, ((1 + 2 * increase) * box.width - box.height) / (2 * box.height))
    return (
        box.left - grow_x * box.width,
        box.top - grow_y * box.height,
        box.right + grow_x * box.width,
        box.bottom + grow_y * box.height,
    )


@hypothesis.given(
    strategies.floats(100, 300), strategies.floats(100, 300), strategies.floats(20, 90), strategies.floats(20, 90)
)
def test_square_is_the_published_one(left, top, width, height):
    box = Box(left, top, left + width, top + height)
    square = square_within(box, 640, 480, enlargement=0.1, max_outside=0)
    assert square.width == square.height
    assert all(value == int(value) for value in square)
    np.testing.assert_allclose(square, published_square(box, 0.1), atol=1.01)


def test_square_that_leaves_the_picture():
    box = Box(2, 10, 42, 50)  # enlarged: -2 to 46
    with pytest.raises(InputError, match="the crop of 48 x 48 reaches 2 pixels beyond the picture"):
        square_within(box, 96, 72, enlargement=0.1, max_outside=0)
    assert square_within(box, 96, 72, enlargement=0.1, max_outside=0.05) == (0, 6, 48, 54)
    assert square_within(Box(0, 0, 90, 72), 96, 72, enlargement=0, max_outside=math.inf) == (9, 0, 81, 72)


@pytest.mark.parametrize("box", [Box(96, 0, 120, 20), Box(0, -20, 30, 0), Box(-9, 5, -1, 20), Box(0, 72, 9, 80)])
def test_box_outside_the_picture_is_refused(box):
    with pytest.raises(InputError, match="outside the picture of 96 x 72"):
        square_within(box, 96, 72, enlargement=0.1, max_outside=math.inf)
