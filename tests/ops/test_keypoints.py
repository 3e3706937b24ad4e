"""Soft-argmax and heat-maps, in two dimensions and in three."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.checks import all_ways, check_derivatives, close, numbers
from thf_jax.ops.keypoints import (
    expected_position,
    expected_values,
    gaussian_heatmaps,
    heatmap_covariance,
    heatmaps_from_logits,
)

SHAPES = [(4, 5), (3, 4, 5)]
every_shape = pytest.mark.parametrize("shape", SHAPES)


def coordinates(place: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    return np.array([2 * i / (n - 1) - 1 for i, n in zip(place, shape, strict=True)][::-1])


@functools.cache
def distributions(shape: tuple[int, ...], count: int = 3) -> np.ndarray:
    logits = np.asarray(numbers(*shape, count, seed=6), np.float64)
    return scipy.special.softmax(logits / 0.3, axis=tuple(range(len(shape)))).astype(np.float32)


@every_shape
def test_heatmaps_are_distributions_over_all_positions(shape):
    logits = numbers(*shape, 3, seed=6)
    heatmaps = all_ways(functools.partial(heatmaps_from_logits, temperature=0.3), logits)
    close(heatmaps, distributions(shape), 1e-5)
    np.testing.assert_allclose(heatmaps.reshape(-1, 3).sum(0), 1, rtol=1e-6)


def test_huge_logits_overflow_nothing():
    heatmaps = heatmaps_from_logits(jnp.array([[[3e4], [2.9e4]]]), temperature=0.1)
    np.testing.assert_array_equal(heatmaps, [[[1], [0]]])


@every_shape
def test_expected_position_is_the_mean_over_the_grid(shape):
    heatmaps = distributions(shape)
    expected = sum(heatmaps[place][:, None] * coordinates(place, shape) for place in np.ndindex(*shape))
    close(all_ways(expected_position, jnp.asarray(heatmaps)), expected.astype(np.float32))


@every_shape
def test_expected_values_reads_each_keypoints_own_group_of_maps(shape):
    heatmaps, maps = distributions(shape), numbers(*shape, 6, seed=7)
    expected = np.zeros((3, 2))
    for place in np.ndindex(*shape):
        for k, n in np.ndindex(3, 2):
            expected[k, n] += heatmaps[place][k] * float(maps[place][2 * k + n])
    close(all_ways(expected_values, jnp.asarray(heatmaps), maps), expected.astype(np.float32))


@every_shape
def test_gaussian_heatmaps_fall_off_with_the_squared_distance(shape):
    position = numbers(3, len(shape), seed=8)
    expected = np.zeros((*shape, 3))
    for place in np.ndindex(*shape):
        squared = ((coordinates(place, shape) - np.asarray(position)) ** 2).sum(-1)
        expected[place] = np.exp(-squared / (2 * 0.2))
    actual = all_ways(lambda x: gaussian_heatmaps(x, shape, variance=0.2), position)
    close(actual, expected.astype(np.float32), 1e-5)


def test_a_gaussian_heatmap_is_1_at_its_keypoint():
    heatmap = gaussian_heatmaps(jnp.array([[0.5, -0.5]]), (5, 5), variance=0.01)
    assert np.unravel_index(np.argmax(heatmap), (5, 5)) == (1, 3)
    assert heatmap[1, 3, 0] == pytest.approx(1)


def test_derivatives():
    logits, maps, shape = numbers(3, 4, 2), numbers(3, 4, 4, seed=1), (3, 4)

    def keypoints(logits, maps):
        heatmaps = heatmaps_from_logits(logits, temperature=0.5)
        return expected_position(heatmaps), expected_values(heatmaps, maps)

    check_derivatives(keypoints, logits, maps)
    check_derivatives(lambda x: gaussian_heatmaps(x, shape, variance=0.3), numbers(2, 2))


@jax.jit
def soft_argmax(logits):
    return expected_position(heatmaps_from_logits(logits, temperature=0.1))[0]


@settings(max_examples=40)
@given(st.integers(0, 6), st.integers(0, 8), st.floats(3, 50))
def test_the_soft_argmax_follows_a_shifted_peak(row, column, height):
    logits = np.zeros((7, 9, 1), np.float32)
    logits[row, column] = height
    np.testing.assert_allclose(soft_argmax(jnp.asarray(logits)), coordinates((row, column), (7, 9)), atol=1e-5)


@settings(max_examples=40)
@given(st.integers(-1, 1), st.integers(-2, 2), st.integers(0, 99))
def test_the_soft_argmax_moves_as_far_as_the_map(down, right, seed):
    """A blob of logits well inside the map, rolled by whole pixels, takes its mean position along."""
    logits = np.zeros((7, 9, 1), np.float32)
    logits[2:5, 3:6] = 10 + np.random.default_rng(seed).uniform(-0.1, 0.1, (3, 3, 1))
    moved = soft_argmax(jnp.asarray(np.roll(logits, (down, right), (0, 1)))) - soft_argmax(jnp.asarray(logits))
    np.testing.assert_allclose(moved, [2 * right / 8, 2 * down / 6], atol=1e-5)


def test_a_floor_is_added_after_the_softmax():
    logits = numbers(*SHAPES[0], 3, seed=6)
    raised = heatmaps_from_logits(logits, temperature=0.3, floor=1e-2)
    close(raised, distributions(SHAPES[0]) + 1e-2, 1e-5)
    np.testing.assert_allclose(raised.sum((0, 1)), 1 + 20 * 1e-2, rtol=1e-6)


def test_the_covariance_of_a_heatmap_is_the_mean_square_about_its_position():
    shape, heatmaps = SHAPES[0], distributions(SHAPES[0])
    position = np.asarray(expected_position(jnp.asarray(heatmaps)), np.float64)
    expected = np.zeros((3, 2, 2))
    for place in np.ndindex(*shape):
        offset = coordinates(place, shape) - position
        expected += heatmaps[place][:, None, None] * offset[:, :, None] * offset[:, None, :]
    actual = all_ways(heatmap_covariance, jnp.asarray(heatmaps), jnp.asarray(position, jnp.float32))
    close(actual, expected.astype(np.float32), 1e-5)
    # The same from NumPy, which takes its own mean.
    grid = np.array([coordinates(place, shape) for place in np.ndindex(*shape)])
    for k in range(3):
        weights = heatmaps[..., k].reshape(-1)
        np.testing.assert_allclose(actual[k], np.cov(grid.T, aweights=weights, bias=True), rtol=1e-4)


def test_a_single_pixel_has_no_spread():
    heatmap = jnp.zeros((5, 5, 1)).at[1, 3].set(1)
    np.testing.assert_array_equal(heatmap_covariance(heatmap, jnp.array([[0.5, -0.5]])), np.zeros((1, 2, 2)))


def test_gaussian_heatmaps_have_the_shape_of_their_covariance():
    shape, position = SHAPES[0], numbers(3, 2, seed=8)
    factor = numbers(3, 2, 2, seed=9)
    covariance = factor @ factor.mT + 0.1 * jnp.eye(2)
    inverses = np.linalg.inv(np.asarray(covariance, np.float64))
    expected = np.zeros((*shape, 3))
    for place in np.ndindex(*shape):
        for k in range(3):
            offset = coordinates(place, shape) - np.asarray(position)[k]
            expected[place][k] = np.exp(-offset @ inverses[k] @ offset / 2)
    actual = all_ways(
        lambda at, spread: gaussian_heatmaps(at, shape, variance=7.0, covariance=spread), position, covariance
    )
    close(actual, expected.astype(np.float32), 1e-5)


def test_an_isotropic_covariance_is_a_variance():
    position, isotropic = numbers(3, 2, seed=8), jnp.broadcast_to(0.2 * jnp.eye(2), (3, 2, 2))
    expected = gaussian_heatmaps(position, (4, 5), variance=0.2)
    close(gaussian_heatmaps(position, (4, 5), variance=7.0, covariance=isotropic), expected, 1e-6)


def test_derivatives_of_covariances():
    heatmaps, position = jnp.asarray(distributions(SHAPES[0])), numbers(3, 2)
    check_derivatives(heatmap_covariance, heatmaps, position)
    factor = numbers(3, 2, 2, seed=9)
    covariance = factor @ factor.mT + 0.3 * jnp.eye(2)
    check_derivatives(lambda at, x: gaussian_heatmaps(at, (3, 4), variance=1.0, covariance=x), position, covariance)


@pytest.mark.parametrize("variance", [1e-3, 1e-4, 2e-5, 1e-6])
def test_a_narrow_covariance_is_a_narrow_heatmap(variance):
    """A tenth of the pixels' distance is as narrow as any: nothing is widened on the way."""
    covariance = jnp.array([[[variance, 0], [0, variance]]])
    wide = gaussian_heatmaps(jnp.array([[0.022, 0.0]]), (3, 3), variance=1.0, covariance=covariance)
    assert float(wide[1, 1, 0]) == pytest.approx(np.exp(-0.5 * 0.022**2 / variance), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("size", [1e-12, 1e-21, 1e-25, 0.0])
def test_a_collapsed_covariance_is_a_point_and_no_map_of_ones(size):
    def heatmap(covariance):
        return gaussian_heatmaps(jnp.array([[0.0, 0.0]]), (5, 5), variance=1.0, covariance=covariance)

    covariance = size * jnp.eye(2)[None]
    expected = np.zeros((5, 5, 1), np.float32)
    expected[2, 2] = 1
    np.testing.assert_array_equal(heatmap(covariance), expected)
    slope = jax.grad(lambda x: (heatmap(x) * numbers(5, 5, 1)).sum())(covariance)
    np.testing.assert_array_equal(slope, np.zeros((1, 2, 2)))
