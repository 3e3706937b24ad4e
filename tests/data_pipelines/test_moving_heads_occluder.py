"""What passes before the face."""

import numpy as np

from data_pipelines.moving_heads import HeadState, clip_frames, clip_motion, clip_scene, true_flow
from data_pipelines.moving_heads.labels import LANDMARKS, landmarks
from data_pipelines.moving_heads.rendering import pixel_centres
from data_pipelines.moving_heads.scene import OCCLUDERS, Part
from data_pipelines.moving_heads.surface import look

TURNED = HeadState(yaw=25, pitch=-12, roll=9, x=0.1, y=-0.05, scale=1.15)


def test_an_occluder_passes_in_a_share_of_the_clips():
    has = {
        share: [clip_scene(0, i, occluded=share).occluder is not None for i in range(200)] for share in (0, 0.3, 0.6, 1)
    }
    assert not any(has[0]) and all(has[1])
    assert 40 < sum(has[0.3]) < 80
    assert all(more or not less for less, more in zip(has[0.3], has[0.6], strict=True))
    without = has[0.3].index(False)
    np.testing.assert_array_equal(*(clip_frames(0, without, size=24, length=2, occluded=share) for share in (0, 0.3)))
    kinds = [clip_scene(0, i, occluded=1.0).solids.keys() for i in range(20)]
    assert {Part.PALM in kind for kind in kinds} == {Part.GRILLE in kind for kind in kinds} == {True, False}


def test_an_occluder_comes_and_goes_and_covers_the_face():
    eyes_and_mouth = [LANDMARKS.index(name) for name in ("iris_left", "iris_right", "upper_lip_top", "lower_lip_top")]
    covered, share = 0, []
    for index in range(12):
        motion, bare = clip_motion(0, index, length=100), clip_scene(0, index)
        scene = clip_scene(0, index, occluded=1.0)
        for time in range(0, 100, 12):
            state = motion.at(time)
            (there, seen), (position, without) = landmarks(scene, state), landmarks(bare, state)
            np.testing.assert_array_equal(there, position)
            assert not (seen & ~without).any()
            covered += (without & ~seen)[eyes_and_mouth].any()
            share.append(np.isin(look(scene, state, pixel_centres(16).reshape(-1, 2)).layer, OCCLUDERS).mean())
    assert covered > 10  # frames of 108
    assert min(share) == 0 and 0.05 < max(share) < 0.5


def test_an_occluder_moves_as_a_rigid_sheet_and_hides_what_lies_behind():
    size, scene = 64, clip_scene(0, 0, occluded=1.0)
    source = TURNED._replace(occluder_x=-0.3, occluder_y=0.2, occluder_turn=20)
    driving = TURNED._replace(occluder_x=0.4, occluder_y=0.1, occluder_turn=-15)
    flow, centres = true_flow(scene, source, driving, size=size), pixel_centres(size)
    before, after = (
        np.isin(look(scene, state, centres.reshape(-1, 2)).layer, OCCLUDERS).reshape(size, size)
        for state in (source, driving)
    )
    angle = np.deg2rad(20 + 15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(flow.grid[after], (centres[after] - (0.4, 0.1)) @ turn.T + (-0.3, 0.2), atol=1e-6)
    assert after.sum() > 100 and flow.shown[after].mean() > 0.5 and not flow.head[after].any()
    elsewhere = ~after  # nothing but the occluder moved
    np.testing.assert_allclose(flow.grid[elsewhere], centres[elsewhere], atol=1e-6)
    np.testing.assert_array_equal(flow.shown[elsewhere], ~before[elsewhere])
    assert (before & ~after).sum() > 100
