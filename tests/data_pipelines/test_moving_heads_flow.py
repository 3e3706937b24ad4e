"""The flow labels: exact at surface points, and pictures follow them as far as sampling goes."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, map_coordinates

from data_pipelines.errors import InputError
from data_pipelines.moving_heads import HeadState, clip_flow, clip_motion, clip_scene, on_the_fly, true_flow
from data_pipelines.moving_heads.paint import paint
from data_pipelines.moving_heads.rendering import pixel_centres, render
from data_pipelines.moving_heads.scene import Part
from data_pipelines.moving_heads.surface import Layer, look, place

TURNED = HeadState(yaw=25, pitch=-12, roll=9, x=0.1, y=-0.05, scale=1.15)


def sample(image, grid):
    """Bilinear sampling by SciPy, independent of the project's own."""
    size = image.shape[0]
    rows_columns = (grid[..., ::-1].reshape(-1, 2).T.astype(np.float64) + 1) / 2 * (size - 1)
    channels = [map_coordinates(image[..., c], rows_columns, order=1, mode="nearest") for c in range(3)]
    return np.stack(channels, axis=-1).reshape(*grid.shape[:-1], 3)


@pytest.fixture(scope="module")
def flows():
    """Of 100 seeds, each with its own people: two moments of eight seconds, the flow between them and both pictures."""
    cases = []
    for seed in range(100):
        size, index = (48, 56, 64)[seed % 3], seed % 5
        scene, motion = clip_scene(seed, index, occluded=0.5), clip_motion(seed, index, length=200)
        source, driving = (motion.at(time) for time in np.random.default_rng(seed).integers(200, size=2))
        pictures = [render(scene, state, size=size) for state in (source, driving)]
        cases.append((scene, source, driving, true_flow(scene, source, driving, size=size), *pictures))
    return cases


def test_source_warped_by_the_true_flow_is_the_driving_picture_where_visible(flows):
    compared = 0
    for _, _, _, flow, before, after in flows:
        shown = flow.visibility == 1
        assert np.abs(sample(before, flow.grid) - after)[shown].mean() < 0.01
        moving = shown & (np.abs(flow.grid - pixel_centres(len(before))).max(axis=-1) > 0.03)
        if moving.sum() > 200:
            compared += 1
            assert (
                np.abs(sample(before, flow.grid) - after)[moving].mean() < 0.7 * np.abs(before - after)[moving].mean()
            )
    assert compared > 80


def test_much_is_visible_and_much_of_it_is_head(flows):
    visible, shown, head = (
        np.array([mask.mean() for mask in masks])
        for masks in zip(
            *((f.visibility, f.shown, f.head & (f.visibility == 1)) for _, _, _, f, _, _ in flows), strict=True
        )
    )
    assert visible.mean() > 0.5 and visible.min() > 0.3
    assert head.mean() > 0.08 and head.min() > 0.01
    assert (shown >= visible).all() and 0.8 < shown.mean() < 0.95


def test_surface_points_keep_their_colour_exactly_at_every_size(flows):
    """Without pixels and their blur: the colours at the very points that the flow joins, in float64."""
    compared = 0
    for number, (scene, source, driving, *_) in enumerate(flows):
        size = (8, 13, 24)[number % 3]
        flow, centres = true_flow(scene, source, driving, size=size), pixel_centres(size).reshape(-1, 2)
        here = look(scene, driving, centres)
        there = place(scene, source, here)[:, :2]
        np.testing.assert_allclose(flow.grid.reshape(-1, 2), there, rtol=2e-7, atol=2e-7)
        difference = np.abs(paint(scene, look(scene, source, there)) - paint(scene, here)).max(axis=1)
        shown = flow.shown.ravel()
        assert difference[shown].max() < 1e-9
        assert (flow.visibility[~flow.shown] == 0).all()
        hidden_inside = ~shown & np.all(np.abs(there) <= 1, axis=1)
        if hidden_inside.sum() > 20:  # something else is there, mostly of another colour
            compared += 1
            assert np.median(difference[hidden_inside]) > 0.02
    assert compared > 25


def test_labels_of_small_pictures_hold_in_large_ones(flows):
    """Every fourth pixel centre of a picture of 4 n - 3 pixels is one of n pixels: its colours, without their blur."""
    for scene, source, driving, *_ in flows[:10]:
        flow = true_flow(scene, source, driving, size=17)
        before, after = (render(scene, state, size=4 * 17 - 3) for state in (source, driving))
        shown = flow.visibility == 1
        error = np.abs(sample(before, flow.grid) - after[::4, ::4])[shown]
        assert shown.any() and error.mean() < 0.01


def test_flow_to_the_same_state_is_the_identity_and_all_is_visible():
    state = TURNED._replace(mouth=0.5, smile=0.4, blink_left=0.3, brow=0.6)
    flow = true_flow(clip_scene(0, 0, occluded=1.0), state, state, size=32)
    np.testing.assert_allclose(flow.grid, pixel_centres(32), atol=1e-6)
    np.testing.assert_array_equal(flow.visibility, 1)
    assert flow.shown.all()


def test_background_behind_the_source_head_is_not_visible():
    scene, size = clip_scene(0, 0), 64
    source, driving = HeadState(x=-0.5), HeadState(x=0.5)
    centres = pixel_centres(size).reshape(-1, 2)
    before, after = (look(scene, state, centres).layer.reshape(size, size) for state in (source, driving))
    visibility = true_flow(scene, source, driving, size=size).visibility
    uncovered = (after == Part.NOTHING) & (before != Part.NOTHING)
    assert uncovered.sum() > 100
    assert (visibility[uncovered] == 0).all()
    always_open = binary_erosion((after == Part.NOTHING) & (before == Part.NOTHING), iterations=3)
    assert always_open.sum() > 50
    assert (visibility[always_open] == 1).all()


def test_opened_eyes_and_mouth_are_not_visible_in_a_closed_source():
    scene, size = clip_scene(0, 0), 96
    closed, opened = HeadState(blink_left=1, blink_right=1), HeadState(mouth=1)
    layer = look(scene, opened, pixel_centres(size).reshape(-1, 2)).layer.reshape(size, size)
    visibility = true_flow(scene, closed, opened, size=size).visibility
    for kind in (Layer.MOUTH, Layer.EYE_LEFT, Layer.EYE_RIGHT):
        assert (layer == kind).sum() > 10
        assert (visibility[layer == kind] == 0).all()
    assert visibility[layer == Part.NOSE].mean() > 0.9


def test_flow_of_a_clip_is_that_of_its_scene_and_motion():
    scene, motion = clip_scene(1, 3, occluded=1.0), clip_motion(1, 3, length=9)
    expected = true_flow(scene, motion.at(2), motion.at(7), size=24)
    drawn = on_the_fly("train", size=24, clips=4, length=9, seed=1, occluded=1.0)
    ours = clip_flow(1, 3, source=2, driving=7, size=24, occluded=1.0)
    for flow in (ours, drawn.true_flow(3 * 9 + 2, 3 * 9 + 7)):
        for one, other in zip(flow, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match="different clips"):
        drawn.true_flow(0, 9)
