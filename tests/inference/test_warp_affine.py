"""Turned pictures and pasted faces: equal to OpenCV's, pixel by pixel."""

import numpy as np
import pytest

from tests.inference.samples import pictures
from tests.liveportrait import recorded
from thf_jax.inference.face_square import FaceSquare, face_square
from thf_jax.inference.warp_affine import blend, crop_face, feathered_mask, halved, paste_face, warp_affine


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded(reference)


@pytest.mark.parametrize("name", ["pts203_rot1/M_o2c", "pts203_rot0/M_o2c", "bbox_M_o2c"])
def test_equal_matrices_give_equal_pixels(golden, name):
    crop = {"bbox_M_o2c": "bbox_crop"}.get(name, name.replace("M_o2c", "img_crop"))
    found = warp_affine(golden["in/crop/img"], golden[f"out/crop/{name}"], (64, 64))
    np.testing.assert_array_equal(found, golden[f"out/crop/{crop}"])


@pytest.mark.parametrize("upright", [False, True])
def test_from_landmarks_on_at_most_one_pixel_in_a_thousand_differs_by_1(golden, upright):
    """Where a position lies within rounding of a border between two of OpenCV's steps of 1/32 pixel."""
    square = face_square(golden["in/crop/pts203"])
    found = crop_face(golden["in/crop/img"], square.upright() if upright else square, 64).astype(int)
    difference = np.abs(found - golden[f"out/crop/pts203_rot{int(not upright)}/img_crop"])
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_a_face_pasted_back(golden):
    matrix = golden["out/crop/pts203_rot1/M_c2o"]
    mask = golden["in/paste/mask_crop"]
    share = warp_affine(mask, matrix, (240, 200)) / 255
    np.testing.assert_allclose(share, golden["out/paste/mask_ori"], rtol=0, atol=1e-6)
    found = blend(golden["in/crop/img"], golden["in/paste/img_crop"], mask, matrix)
    np.testing.assert_array_equal(found, golden["out/paste/result"])


def test_half_the_size_is_the_rounded_mean_of_four_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    a, b, c, d = (picture[i:4:2, j::2].astype(int) for i in (0, 1) for j in (0, 1))
    np.testing.assert_array_equal(halved(picture), (a + b + c + d + 2) >> 2)


def test_the_mask_is_the_originals(golden):
    """The recorded one is the original's of 512 pixels, shrunk to 64: the mean of the inner 2 x 2 of every 8 x 8."""
    inner = feathered_mask().reshape(64, 8, 64, 8)[:, 3:5, :, 3:5].astype(int).sum((1, 3))
    np.testing.assert_array_equal((inner + 2) // 4, golden["in/paste/mask_crop"])


def test_the_identity_and_whole_shifts_copy_pixels():
    picture = pictures(1, height=20, width=30)[0]
    matrix = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(warp_affine(picture, matrix, (20, 30)), picture)
    matrix[:2, 2] = 3, -2
    shifted = warp_affine(picture, matrix, (20, 30))
    np.testing.assert_array_equal(shifted[:-2, 3:], picture[2:, :-3])
    assert not shifted[-2:].any() and not shifted[:, :3].any()


def test_a_turned_picture_is_bilinear_up_to_the_rounding_of_positions():
    """A position is off by 1/64 pixel at most along each axis, and so a value by that share of the steepest slope."""
    picture = np.random.default_rng(0).integers(0, 256, (12, 15), np.uint8)
    square = FaceSquare(np.array([7.3, 5.9], np.float32), 9.7, angle=0.4)
    matrix = square.from_crop(11).astype(np.float64)
    found = warp_affine(picture, square.to_crop(11), (11, 11))
    framed = np.pad(picture.astype(float), 20)
    for row in range(11):
        for column in range(11):
            x, y, _ = matrix @ (column, row, 1) + 20
            i, j, v, u = int(y), int(x), y % 1, x % 1
            upper, lower = (framed[k, j] * (1 - u) + framed[k, j + 1] * u for k in (i, i + 1))
            assert abs(found[row, column] - (upper * (1 - v) + lower * v)) < 255 * 2 / 64 + 0.5


def test_pasting_back_keeps_what_lies_outside():
    picture = pictures(1, height=60, width=80)[0]
    square = FaceSquare(np.array([40, 30], np.float32), 32.0)
    result = paste_face(picture, np.full((64, 64, 3), 200, np.uint8), square)
    outside = np.ones((60, 80), bool)
    outside[14:46, 24:56] = False
    np.testing.assert_array_equal(result[outside], picture[outside])
    assert (result[16:44, 26:54] == 200).all()


def test_what_was_cropped_and_pasted_back_is_nearly_the_same():
    """Up to cutting fractions off, and the softness of interpolating twice."""
    y, x = np.mgrid[:60, :80]
    picture = np.stack([x * 3, y * 4, x + y], axis=-1).astype(np.uint8)
    square = FaceSquare(np.array([40, 30], np.float32), 30.0, angle=0.3)
    result = paste_face(picture, crop_face(picture, square), square)
    assert np.abs(result.astype(int) - picture).max() <= 2
