"""How motion is carried over against the original's pipeline, run with every combination of flags that was recorded.

The recorded numbers are the keypoints that the original hands to its warping network, for the same small networks of
random weights as in tests/models.
"""

from typing import Any

import numpy as np
import pytest

from tests.liveportrait import SETTINGS, configuration, recorded, variables
from thf_jax.inference.best_frame import hull_ratio
from thf_jax.inference.liveportrait.animate import portrait_pairs
from thf_jax.inference.liveportrait.expressions import expression_edit
from thf_jax.inference.liveportrait.smoothing import smooth_rows
from thf_jax.models.animator import Animator

REGIONS = {"exp": "expression", "lip": "lips"}
CASES = (
    "default",
    "pose_friendly",
    "pose_friendly_mult1.5",
    "no_stitch",
    "no_stitch_normlip",
    "normlip",
    "region_exp",
    "abs_region_exp",
    "region_pose",
    "abs_region_pose",
    "region_lip",
    "abs_region_lip",
    "region_eyes",
    "abs_region_eyes",
    "abs",
    "eye_retarget",
    "lip_retarget",
    "both_retarget_abs_nostitch",
    "image_driven_all",
    "image_driven_lip",
    "image_driven_eyes",
    "image_driven_pose",
    "image_driven_abs",
    "v2v",
    "v2v_abs",
    "v2v_lip",
    "v2v_smooth3e-5",
    "v2v_normlip",
    "v2v_abs_image",
    "v2v_mult0.7_exp",
    "v2v_pose",
    "v2v_image_eyes",
    "v2v_both_retarget",
    "v2v_image_lip_retarget_abs",
    "abs_normlip",
    "abs_pose_multi0.5",
    "v2v_image",
    "v2v_eye",
)


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded(reference)


@pytest.fixture(scope="module")
def animator(reference) -> Animator:
    return Animator("liveportrait", 64, SETTINGS, variables(reference))


def pictures(golden, name: str) -> np.ndarray:
    return np.moveaxis(golden[f"in/{name}_u8"], 1, -1)


def options(flags: dict[str, Any], golden) -> dict[str, Any]:
    """Ours for the original's flags, some of which it ignores where they are refused here."""
    relative, region = flags["flag_relative_motion"], flags["animation_region"]
    retarget = {"eyes": flags["flag_eye_retargeting"], "lips": flags["flag_lip_retargeting"]}
    return {
        "relative": relative,
        "region": REGIONS.get(region, region),
        "multiplier": flags["driving_multiplier"],
        "rescale": flags["driving_option"] == "expression-friendly" and relative and not flags["video_source"],
        "stitching": flags["flag_stitching"],
        "retarget": tuple(name for name, on in retarget.items() if on),
        "normalize_lips": flags["flag_normalize_lip"] and relative,
        "hold_eyes": flags["flag_source_video_eye_retargeting"],
        "observation_variance": flags["driving_smooth_observation_variance"],
        "neutral": golden["in/lip_array"][0].astype(np.float32),
    }


def driven(animator, golden, *, moving: bool, frames: int, **chosen: Any) -> np.ndarray:
    """The keypoints of every frame; landmarks are the recorded ones of the very picture that is shown."""
    known = {
        picture.tobytes(): points
        for name in ("source", "driving")
        for picture, points in zip(pictures(golden, name), golden[f"in/pipeline/{name}_lmk"], strict=True)
    }
    sources, driving = pictures(golden, "source"), pictures(golden, "driving")
    pairs = portrait_pairs(
        animator,
        sources if moving else sources[0],
        driving[:frames],
        initial=None,
        smooth=0.0,
        landmarks=lambda picture: known[picture.tobytes()],
        **chosen,
    )
    return np.stack([np.asarray(keypoints.position) for _, keypoints in pairs])


def test_every_recorded_case_is_here(reference):
    assert sorted(configuration(reference)["pipeline_cases"]) == sorted(CASES)


@pytest.mark.parametrize("case", CASES)
def test_keypoints(animator, golden, reference, case):
    flags = configuration(reference)["pipeline_cases"][case]
    moving, frames = flags["video_source"], flags["driving_frames"]
    found = driven(animator, golden, moving=moving, frames=frames, **options(flags, golden))
    np.testing.assert_allclose(found, golden[f"out/pipeline/{case}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("stitching", "multiplier"), [(False, 1.75), (True, 1.0)])
def test_animals(animator, golden, stitching, multiplier):
    """The original's pipeline for animals: absolute, the whole expression, rescaled, the source's size."""
    chosen = {"relative": False, "region": ("whole_expression", "pose"), "rescale": True}
    found = driven(animator, golden, moving=False, frames=4, stitching=stitching, multiplier=multiplier, **chosen)
    recorded_as = f"out/animal/stitch{int(stitching)}_mult{multiplier}"
    np.testing.assert_allclose(found, golden[recorded_as], rtol=0, atol=1e-5)


@pytest.mark.parametrize("variance", [3e-7, 3e-5])
def test_smoothing(golden, variance):
    found = smooth_rows(golden["in/smooth"][:, 0], variance)
    np.testing.assert_allclose(found, golden[f"out/smooth_{variance}"], rtol=0, atol=1e-7)


def test_the_ratio_of_hulls(golden):
    found = hull_ratio(golden["out/x_s"][0], golden["out/x_d"][0])
    assert found == pytest.approx(float(golden["out/motion_multiplier"]), abs=1e-6)


EDITS = {
    "smile": "smile",
    "wink": "wink",
    "eyebrow": "eyebrows",
    "lip_variation_zero": "pout",
    "lip_variation_one": "purse",
    "lip_variation_two": "grin",
    "lip_variation_three": "open_lips",
    "mov_x": "move_x",
    "mov_y": "move_y",
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("control", EDITS)
def test_edits_of_the_expression(golden, control, sign):
    found = expression_edit({EDITS[control]: float(sign)})
    np.testing.assert_allclose(found, golden[f"out/edit/{control}_{sign:+d}"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("x", "y"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_edits_of_the_gaze(golden, x, y):
    found = expression_edit({"gaze_x": float(x), "gaze_y": float(y)})
    np.testing.assert_allclose(found, golden[f"out/edit/eyeball_{x:+d}_{y:+d}"], rtol=0, atol=1e-9)


def test_what_a_template_holds(animator, golden):
    """The motions that the original stores of a driving clip."""
    motion = animator.motion(pictures(golden, "driving"))
    for ours, theirs in {
        "scale": motion.scale,
        "R": motion.rotation.mT,
        "exp": motion.expression,
    }.items():
        np.testing.assert_allclose(theirs, golden[f"out/template/{ours}"], rtol=0, atol=1e-5, err_msg=ours)
    np.testing.assert_allclose(motion.translation[:, :2], golden["out/template/t"][:, :2], rtol=0, atol=1e-5)
    canonical = animator.encode(pictures(golden, "driving")).canonical
    np.testing.assert_allclose(canonical, golden["out/template/kp"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(motion.pose(canonical).position, golden["out/template/x_s"], rtol=0, atol=1e-5)
