"""Hull areas, relative scales and the choice of the best frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thf_jax.errors import InputError
from thf_jax.inference.best_frame import best_frame, hull_area, relative_scale
from thf_jax.types import Keypoints

SQUARE = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [0.1, 0.2]], np.float32)


def test_the_hull_of_a_square_with_a_point_inside_is_the_square():
    assert hull_area(SQUARE) == pytest.approx(1.0)


def test_the_hull_of_a_triangle_has_half_the_area_of_its_cross_product():
    triangle = np.array([[0, 0], [0.7, 0.1], [0.2, 0.9]])
    expected = abs(np.linalg.det(triangle[1:])) / 2
    assert hull_area(triangle) == pytest.approx(expected)


@pytest.mark.parametrize(
    "flat", [np.zeros((5, 2)), np.array([[0, 0], [0.5, 0.5], [1, 1]]), np.array([[0.0, 0], [1, 1]]), np.zeros((1, 2))]
)
def test_flat_hulls_have_no_area_and_scale_nothing(flat):
    assert hull_area(flat) == 0
    assert relative_scale(Keypoints(SQUARE), Keypoints(flat)) == 1
    assert relative_scale(Keypoints(flat), Keypoints(SQUARE)) == 1


def test_the_scale_is_the_ratio_of_lengths():
    assert relative_scale(Keypoints(SQUARE), Keypoints(SQUARE / 4 + 0.3)) == pytest.approx(4)


@given(st.integers(0, 19), st.integers(0, 2**31))
def test_the_source_itself_moved_and_enlarged_is_the_best_frame(planted, seed):
    random = np.random.default_rng(seed)
    source = random.uniform(-1, 1, (10, 2))
    motions = [Keypoints(random.uniform(-1, 1, (10, 2))) for _ in range(20)]
    motions[planted] = Keypoints(0.4 * source + random.uniform(-0.3, 0.3, 2))
    index, motion = best_frame(Keypoints(source), iter(motions))
    assert index == planted
    assert motion is motions[planted]


def test_of_equal_frames_the_first_wins():
    assert best_frame(Keypoints(SQUARE), [Keypoints(SQUARE[::-1]), Keypoints(SQUARE), Keypoints(SQUARE)])[0] == 1


def test_no_frames_and_no_keypoints_are_refused():
    with pytest.raises(InputError, match="no frame"):
        best_frame(Keypoints(SQUARE), [])
    with pytest.raises(InputError, match="keypoints, which a int does not have"):
        relative_scale(Keypoints(SQUARE), 3)
