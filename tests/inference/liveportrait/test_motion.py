"""Regions, options, and the laws of carrying motion over."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.errors import InputError
from thf_jax.inference.best_frame import hull_ratio
from thf_jax.inference.liveportrait.expressions import RANGES, expression_edit
from thf_jax.inference.liveportrait.motion import (
    held_in_place,
    limited,
    one_picture_as_initial,
    smoothed,
    taken_over,
    transferred,
)
from thf_jax.inference.liveportrait.options import PortraitOptions
from thf_jax.inference.liveportrait.regions import EYES, LIPS, MOBILE, NAMES, region_of
from thf_jax.inference.liveportrait.smoothing import PROCESS_VARIANCE, smooth_rows
from thf_jax.ops.rotation import rotation_matrix
from thf_jax.types import HeadMotion


def head(seed: int, *batch: int) -> HeadMotion:
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> jax.Array:
        return jnp.asarray(random.uniform(-1, 1, (*batch, *shape)), jnp.float32)

    rotation = rotation_matrix(*(30 * numbers() for _ in range(3)), order="roll_yaw_pitch")
    return HeadMotion(rotation, numbers(3), numbers(21, 3), 1.5 + 0.3 * numbers(1))


def same(first: HeadMotion, second: HeadMotion) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5), first, second)


def test_a_driver_that_does_not_move_moves_nothing():
    driving, source = head(0), head(1)
    same(transferred(driving, driving, source), source)


def test_a_driver_that_began_like_the_source_is_followed():
    driving, source = head(0), head(1)
    same(transferred(driving, source, source), driving)


def test_two_changes_after_each_other_are_one():
    first, second, third, source = (head(seed) for seed in range(4))
    same(transferred(third, second, transferred(second, first, source)), transferred(third, first, source))


def test_relative_motion_is_the_papers():
    """Rows of transposed matrices: R = R_d R_0^T R_s."""
    driving, initial, source = (head(seed) for seed in range(3))
    moved = transferred(driving, initial, source)
    d, i, s = (np.asarray(one.rotation).T for one in (driving, initial, source))
    np.testing.assert_allclose(np.asarray(moved.rotation).T, d @ i.T @ s, rtol=0, atol=1e-5)
    np.testing.assert_allclose(moved.scale, source.scale * driving.scale / initial.scale, rtol=1e-6)


def test_absolute_motion_keeps_the_sources_size():
    driving, source = head(0), head(1)
    same(taken_over(driving, source), dataclasses.replace(driving, scale=source.scale))


def test_a_moving_source_keeps_its_place_and_size():
    moved, source = head(0), head(1)
    held = held_in_place(moved, source)
    same(held, dataclasses.replace(moved, translation=source.translation, scale=source.scale))


@pytest.mark.parametrize("neutral", [None, np.full((21, 3), 0.25, np.float32)])
def test_one_driving_picture_carries_its_expression_and_no_pose(neutral):
    driving, source = head(0), head(1)
    moved = transferred(driving, one_picture_as_initial(driving, neutral), source)
    expected = source.expression + driving.expression - (0 if neutral is None else 0.25)
    same(moved, dataclasses.replace(source, expression=expected))


def test_what_is_outside_of_a_region_stays_the_sources():
    moved, source = head(0), head(1)
    eyes = limited(moved, source, region_of("eyes", whole=True))
    expected = np.where(EYES, moved.expression, source.expression)
    same(eyes, dataclasses.replace(source, expression=jnp.asarray(expected)))
    pose = limited(moved, source, region_of("pose", whole=True))
    same(pose, dataclasses.replace(source, rotation=moved.rotation, translation=moved.translation))
    same(limited(moved, source, region_of("all", whole=True)), moved)
    kept = np.asarray(limited(moved, source, region_of("all", whole=False)).expression)[~MOBILE]
    np.testing.assert_array_equal(kept, np.asarray(source.expression)[~MOBILE])


def test_regions_join():
    region = region_of(("lips", "scale"), whole=False)
    np.testing.assert_array_equal(region.expression, LIPS)
    assert (region.pose, region.scale) == (False, True)
    np.testing.assert_array_equal(region_of(["lips", "eyes"], whole=False).expression, LIPS | EYES)
    everything, parts = region_of("all", whole=False), region_of(("expression", "pose", "scale"), whole=False)
    np.testing.assert_array_equal(everything.expression, parts.expression)
    assert everything.pose and everything.scale and parts.pose and parts.scale
    assert region_of("whole_expression", whole=False).expression.all()
    assert not (LIPS & EYES).any() and (MOBILE | LIPS | EYES == MOBILE).all()


@pytest.mark.parametrize(
    ("names", "sentence"), [("lip", "'lips'"), (("eyes", "nose"), "'nose'"), ((), "left to drive")]
)
def test_unknown_regions_are_refused(names, sentence):
    with pytest.raises(InputError, match=sentence):
        region_of(names, whole=True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"region": "mouth"}, "no region"),
        ({"multiplier": float("nan")}, "multiplier"),
        ({"observation_variance": 0.0}, "observation_variance"),
        ({"retarget": ("nose",)}, "eyes"),
        ({"retarget": "eyes"}, "retarget names"),
        ({"retarget": ("eyes",), "normalize_lips": True}, "beside retarget"),
        ({"retarget": ("lips",), "hold_eyes": True}, "beside retarget"),
        ({"keep_motion": True}, "keep_motion"),
        ({"keep_motion": True, "retarget": ("eyes",), "relative": False}, "keep_motion is for relative motion"),
        ({"retarget": ("eyes",), "region": "lips"}, "takes the place of what region= drives"),
        ({"retarget": ("eyes",), "region": ["pose", "lips"]}, "takes the place of what region= drives"),
        ({"normalize_lips": True, "relative": False}, "relative=False"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], sentence):
    with pytest.raises(InputError, match=sentence):
        PortraitOptions(**options)


@pytest.mark.parametrize("variance", [1e-7, 1e-5, 1e-2])
def test_smoothing_is_the_most_likely_walk(variance):
    """The expectation of a Gaussian is its most likely value, here the solution of a linear system of all rows."""
    rows, count = np.cumsum(np.random.default_rng(0).normal(0, 0.01, 9)), 9
    steps = np.diff(np.eye(count), axis=0)
    precision = np.eye(count) / variance + steps.T @ steps / PROCESS_VARIANCE
    precision[0, 0] += 1.0  # the first one's prior
    information = rows / variance
    information[0] += rows[0]
    np.testing.assert_allclose(smooth_rows(rows, variance), np.linalg.solve(precision, information), rtol=0, atol=1e-9)


def test_smoothing_leaves_what_rests_and_one_row_alone():
    rows = np.full((5, 2, 3), 0.7, np.float32)
    np.testing.assert_array_equal(smooth_rows(rows, 1e-5), rows)
    np.testing.assert_array_equal(smooth_rows(rows[:1], 1e-5), rows[:1])


def test_motions_are_smoothed_in_rotation_and_expression():
    motions = head(0, 6)
    found = smoothed(motions, 1e-3)
    np.testing.assert_array_equal(found.translation, motions.translation)
    np.testing.assert_array_equal(found.scale, motions.scale)
    for name in ("rotation", "expression"):
        rows = np.asarray(getattr(motions, name))
        np.testing.assert_array_equal(getattr(found, name), smooth_rows(rows, 1e-3))
        assert np.abs(np.diff(getattr(found, name), axis=0)).sum() < np.abs(np.diff(rows, axis=0)).sum()


def test_the_ratio_of_hulls_is_that_of_volumes():
    cube = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    assert hull_ratio(4 * cube, cube) == pytest.approx(8)
    assert hull_ratio(cube * [1, 1, 0], cube) == 1


def test_edits_add_up():
    smile, gaze = expression_edit({"smile": 0.5}), expression_edit({"gaze_x": -3.0})
    np.testing.assert_allclose(expression_edit({"smile": 0.5, "gaze_x": -3.0}), smile + gaze, rtol=0, atol=1e-9)
    assert not expression_edit({}).any() and not expression_edit(dict.fromkeys(RANGES, 0.0)).any()
    with pytest.raises(InputError, match="'smile'"):
        expression_edit({"smiles": 1.0})


def test_every_name_of_a_region_is_one():
    assert all(region_of(name, whole=True) for name in NAMES)
