"""Names in the margins of a grid."""

import numpy as np
import pytest

from experiments.grid import MARGIN, grid

SIDE = 40
PICTURES = np.full((2, 3, SIDE, SIDE, 3), 200, np.uint8)


def words(sheet, rows, columns):
    """Whether something is written in this part of a sheet."""
    return bool((np.asarray(sheet)[rows, columns] < 100).any())


def test_each_name_stands_beside_its_row():
    sheet = grid(PICTURES, ["", "two\nlines"])
    left = sheet.width - 3 * SIDE
    assert sheet.height == 2 * SIDE
    assert not words(sheet, slice(0, SIDE), slice(0, left))
    assert words(sheet, slice(SIDE, 2 * SIDE), slice(0, left))
    ink = (np.asarray(sheet)[SIDE:, :left] < 100).any((1, 2))
    assert ink[: SIDE // 2].any() and ink[SIDE // 2 :].any()


def test_each_name_stands_above_its_column():
    sheet = grid(PICTURES, ["", ""], ["", "yaw", ""])
    left = sheet.width - 3 * SIDE
    assert sheet.height == MARGIN + 2 * SIDE
    seen = [words(sheet, slice(0, MARGIN), slice(left + n * SIDE, left + (n + 1) * SIDE)) for n in range(3)]
    assert seen == [False, True, False]


@pytest.mark.parametrize("name", ["a", "the longest of all names that anybody gave to a row"])
def test_the_margin_is_as_wide_as_the_names_need(name):
    sheet = grid(PICTURES[:1], [name])
    left = sheet.width - 3 * SIDE
    assert words(sheet, slice(None), slice(0, left))
    assert not words(sheet, slice(None), slice(0, 2)) and not words(sheet, slice(None), slice(left - 2, left))
