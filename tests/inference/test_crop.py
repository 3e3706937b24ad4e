"""Crops and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inference.samples import pictures
from thf_jax.inference.crop import Box, box_of, centred_square, cut, look, paste, whole

SIDES = st.integers(1, 200)


@given(SIDES, SIDES)
def test_the_square_is_centred_and_as_large_as_can_be(height, width):
    box = centred_square(height, width)
    assert box.height == box.width == min(height, width)
    above, below = box.top, height - box.top - box.height
    left, right = box.left, width - box.left - box.width
    assert 0 <= below - above <= 1 and 0 <= right - left <= 1


def test_what_a_model_sees():
    picture = pictures(1, height=40, width=60)[0]
    np.testing.assert_array_equal(look(picture, 40, crop=True), picture[:, 10:50])
    assert look(picture, 20, crop=False).shape == (20, 20, 3)
    assert box_of(picture, crop=False) == whole(40, 60) == Box(0, 0, 40, 60)


@given(st.integers(20, 60), st.integers(20, 60))
def test_pasting_back_what_was_cut_changes_nothing(height, width):
    picture = pictures(1, height=height, width=width)[0]
    box = centred_square(height, width)
    np.testing.assert_array_equal(paste(picture, box, cut(picture, box)), picture)


def test_a_pasted_patch_fades_in_only_along_sides_within_the_picture():
    picture = np.zeros((64, 128, 3), np.uint8)
    box = centred_square(64, 128)
    result = paste(picture, box, np.full((16, 16, 3), 200, np.uint8))
    assert (result[:, :32] == 0).all() and (result[:, 96:] == 0).all()
    assert (result[:, 40:88] == 200).all()
    ramp = result[0, 32:40, 0].astype(int)
    assert ramp[0] == 0 and (np.diff(ramp) >= 0).all() and 0 < ramp[2] < 200
    assert (result == result[:1]).all()
    assert (picture == 0).all()


def test_a_patch_is_stretched_to_its_box():
    patch = np.zeros((8, 8, 3), np.uint8)
    patch[:, 4:] = 255
    result = paste(np.zeros((32, 64, 3), np.uint8), whole(32, 64), patch)
    assert result.shape == (32, 64, 3)
    assert result[:, :24].max() < 20 and result[:, 40:].min() > 235


@pytest.mark.parametrize("size", [16, 40, 100])
def test_every_size_is_reached(size):
    assert look(pictures(1, height=40, width=60)[0], size, crop=True).shape == (size, size, 3)
