"""The square around a face against the original's matrices, and by what it must do to a face."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.liveportrait import recorded
from thf_jax.errors import InputError
from thf_jax.inference.face_square import (
    DRIVING,
    FaceSquare,
    SquareOptions,
    face_square,
    find_driving_square,
    find_square,
    mean_square,
)
from thf_jax.inference.landmarks import LAYOUTS, openness


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded(reference)


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def face(count: int = 5, seed: int = 0) -> np.ndarray:
    """Landmarks anywhere, the eyes above the mouth."""
    layout, points = LAYOUTS[count], np.random.default_rng(seed).uniform(80, 120, (count, 2))
    for indices, centre in zip(layout, [(85, 90), (115, 90), (100, 115)], strict=True):
        points[list(indices)] = centre
    return points.astype(np.float32)


def turned(points: np.ndarray, angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return (scale * points @ np.array([[cosine, sine], [-sine, cosine]]) + shift).astype(np.float32)


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("count", LAYOUTS)
def test_matrices_of_every_layout(golden, count, upright):
    points, folder = golden[f"in/crop/pts{count}"], f"out/crop/pts{count}_rot{int(not upright)}"
    square = face_square(points).upright() if upright else face_square(points)
    to_crop = square.to_crop(64)
    np.testing.assert_allclose(to_crop, golden[f"{folder}/M_o2c"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(square.from_crop(64), golden[f"{folder}/M_c2o"], rtol=0, atol=3e-5)
    np.testing.assert_allclose(moved(to_crop, points)[:5], golden[f"{folder}/pt_crop"], rtol=0, atol=1e-5)


def test_the_square_of_a_driving_frame(golden):
    square = face_square(golden["in/crop/pts203"], DRIVING)
    np.testing.assert_allclose(square.upright().corners, golden["out/crop/bbox203"], rtol=0, atol=3e-5)
    assert square.angle == pytest.approx(float(golden["out/crop/angle203"]), abs=1e-7)
    np.testing.assert_allclose(mean_square([square] * 3).to_crop(64), golden["out/crop/bbox_M_o2c"], rtol=0, atol=1e-5)


def test_openness(golden):
    left, right, lips = openness(golden["in/crop/pts203"])
    np.testing.assert_allclose([[left, right]], golden["out/ratio/eye"], rtol=0, atol=1e-6)
    np.testing.assert_allclose([[lips]], golden["out/ratio/lip"], rtol=0, atol=1e-6)
    for index, points in enumerate(golden["in/pipeline/driving_lmk"]):
        expected = [*golden["in/pipeline/c_d_eyes"][index, 0], *golden["in/pipeline/c_d_lip"][index, 0]]
        np.testing.assert_allclose(openness(points), expected, rtol=0, atol=1e-6)


def test_openness_does_not_see_scale_and_turn():
    points = np.random.default_rng(0).uniform(0, 100, (203, 2)).astype(np.float32)
    np.testing.assert_allclose(openness(turned(points, 0.7, 3.0, (40, -9))), openness(points), rtol=1e-4)


@given(st.floats(-3, 3), st.floats(0.3, 4), st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
def test_a_moved_face_looks_the_same_in_its_crop(angle, scale, shift):
    before, points = face(68), turned(face(68), angle, scale, shift)
    first, second = (moved(face_square(each).to_crop(256), each) for each in (before, points))
    np.testing.assert_allclose(second, first, atol=0.3)  # pixels of 256; the angle is an arc cosine in float32


@given(st.floats(-3, 3), st.floats(1, 500))
def test_the_corners_become_the_crops_corners(angle, side):
    square = FaceSquare(np.array([30, 50], np.float32), side, angle)
    expected = np.array([(0, 0), (64, 0), (64, 64), (0, 64)])
    np.testing.assert_allclose(moved(square.to_crop(64), square.corners), expected, atol=1e-2)
    np.testing.assert_allclose(moved(square.from_crop(64), expected), square.corners, atol=1e-2)


def test_the_face_stands_upright_within():
    points = turned(face(5), 0.6, 1.0, (0, 0))
    left, right, *_, mouth, other = moved(face_square(points).to_crop(100), points)
    assert left[1] == pytest.approx(right[1], abs=0.1)
    assert (mouth + other)[0] / 2 == pytest.approx((left + right)[0] / 2, abs=0.1)
    assert mouth[1] > left[1]


def test_shifts_are_shares_of_the_side():
    plain, shifted = (face_square(face(), SquareOptions(2.0, right=x, down=y)) for x, y in ((0.0, 0.0), (0.25, -0.5)))
    np.testing.assert_allclose(shifted.centre - plain.centre, [plain.side / 4, -plain.side / 2], atol=1e-3)
    assert shifted.side == plain.side


def test_frames_without_a_face_do_not_count():
    shown = [np.full((2, 2, 3), i, np.uint8) for i in range(3)]
    faces = {0: face(5, 1), 1: None, 2: face(5, 2)}
    found = find_driving_square(lambda picture: faces[int(picture[0, 0, 0])], shown)
    expected = mean_square([face_square(faces[i], DRIVING) for i in (0, 2)])
    np.testing.assert_array_equal(found.corners, expected.corners)
    assert find_square(lambda picture: faces[0], shown[0]).side == face_square(faces[0]).side
    with pytest.raises(InputError, match="no face was found"):
        find_square(lambda picture: None, shown[0])


def test_the_mean_of_squares():
    squares = [FaceSquare(np.array([10 * i, 5], np.float32), 20.0 + i, angle=0.3) for i in range(3)]
    mean = mean_square(squares)
    np.testing.assert_allclose(mean.centre, [10, 5])
    assert (mean.side, mean.angle) == (pytest.approx(21), 0)


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (np.zeros((7, 2), np.float32), "5, 9, 68, 101, 106, 203"),
        (np.full((5, 2), np.nan, np.float32), "finite"),
        (np.zeros((68, 2), np.float32), "at one place"),
    ],
)
def test_what_is_no_face_is_refused(points, sentence):
    with pytest.raises(InputError, match=sentence):
        face_square(points)


def test_openness_wants_203_points_and_a_clip_a_face():
    with pytest.raises(InputError, match="203"):
        openness(face(68))
    with pytest.raises(InputError, match="no frame"):
        mean_square([])
