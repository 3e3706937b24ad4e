"""LivePortrait against numbers of the original implementation: small networks of random weights, inputs and outputs.

The arrays are torch's, channels first, and its matrices act on rows. How the original carries motion over is compared
in tests/inference/liveportrait.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from tests.liveportrait import SETTINGS, configuration, images, recorded, variables
from thf_jax.models import build
from thf_jax.ops.rotation import expected_degrees, rotation_matrix
from thf_jax.types import EncodedVolume, HeadMotion, Keypoints, Rendering

HEADS = {
    "pitch": "pitch",
    "yaw": "yaw",
    "roll": "roll",
    "t": "translation",
    "exp": "expression",
    "scale": "scale",
    "kp": "canonical",
}
"""Our names of what the extractor's linear layers give."""
MODULE: Any = build("liveportrait", SETTINGS)


class Run(NamedTuple):
    encoded: EncodedVolume
    canonical: jax.Array
    """Of the driving frames."""
    motion: HeadMotion
    rendering: Rendering
    """Of the recorded driving keypoints."""
    inside: dict[str, tuple[jax.Array, ...]]
    """What every layer gave, at each of its calls."""


def close(ours: Any, theirs: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded(reference)


@pytest.fixture(scope="module")
def run(golden, reference) -> Run:
    weights = variables(reference)

    @jax.jit
    def everything(weights, source, driving, keypoints):
        (encoded, canonical, motion), first = MODULE.apply(
            weights, source, driving, method=_encode_both, capture_intermediates=True
        )
        rendering, second = MODULE.apply(weights, encoded, keypoints, method="render", capture_intermediates=True)
        return encoded, canonical, motion, rendering, {**first["intermediates"], **second["intermediates"]}

    keypoints = Keypoints(jnp.asarray(golden["out/x_d"]))
    *values, inside = everything(weights, images(golden["in/source"]), images(golden["in/driving"]), keypoints)
    return Run(*values, flatten_dict(inside, sep="/"))


def _encode_both(module, source, driving):
    return module.encode(source), *module.extractor(driving)


def test_the_recorded_networks_are_these(reference):
    fields = configuration(reference)
    extractor, appearance = fields["motion_extractor"], fields["appearance_feature_extractor"]
    assert SETTINGS["extractor"] == {"depths": tuple(extractor["depths"]), "widths": tuple(extractor["dims"])}
    assert SETTINGS["appearance"]["channels"] == appearance["reshape_channel"]
    assert SETTINGS["generator"]["last_width"] == fields["spade_generator"]["out_channels"]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("index", [0, 1], ids=["source", "driving"])
def test_what_the_extractors_layers_give(golden, run, head, index):
    """It runs on the source first, then on the driving frame."""
    name = ("source", "driving")[index]
    ours = run.inside[f"extractor/{HEADS[head]}/__call__"][index]
    close(ours, golden[f"out/motion_extractor_raw_{name}/{head}"], 1e-5)


@pytest.mark.parametrize("name", ["source", "driving"])
def test_canonical_keypoints_and_head_motion(golden, run, name):
    canonical = run.encoded.canonical if name == "source" else run.canonical
    motion = run.encoded.motion if name == "source" else run.motion
    folder = f"out/kp_info_{name}"
    close(canonical, golden[f"{folder}/kp"], 1e-5)
    close(motion.expression, golden[f"{folder}/exp"], 1e-5)
    close(motion.scale, golden[f"{folder}/scale"], 1e-5)
    close(motion.translation[:, :2], golden[f"{folder}/t"][:, :2], 1e-5)
    close(motion.translation[:, 2], np.zeros(2), 0)
    close(motion.rotation.mT, golden[f"out/rot_{name}"], 1e-5)
    for angle in ("yaw", "pitch", "roll"):
        logits = golden[f"out/motion_extractor_raw_{name}/{angle}"]
        close(expected_degrees(jnp.asarray(logits), first=-97.5), golden[f"{folder}/{angle}"][:, 0], 1e-4)


def test_rotations(golden):
    degrees = (jnp.asarray(golden[f"in/rot_test/{angle}"][:, 0]) for angle in ("yaw", "pitch", "roll"))
    close(rotation_matrix(*degrees, order="roll_yaw_pitch").mT, golden["out/rot_test"], 1e-6)


def test_posed_keypoints(golden, run):
    """The original's driving keypoints stand on the driving frame's own canonical ones."""
    close(run.encoded.motion.pose(run.encoded.canonical).position, golden["out/x_s"], 1e-5)
    close(run.motion.pose(run.canonical).position, golden["out/x_d"], 1e-5)


def test_rendering(golden, run):
    warp = run.rendering.warp
    features = run.inside["generator/mix/__call__"][0] * warp.visibility
    close(np.moveaxis(run.encoded.volume, -1, 1), golden["out/feature_3d"], 1e-4)
    close(warp.grid, golden["out/warping/deformation"], 1e-5)
    close(np.moveaxis(warp.masks, -1, 1), golden["out/dense_motion_mask"], 1e-4)
    close(np.moveaxis(warp.visibility, -1, 1), golden["out/warping/occlusion_map"], 1e-4)
    close(np.moveaxis(features, -1, 1), golden["out/warping/out"], 1e-4)
    close(np.moveaxis(run.rendering.image, -1, 1), golden["out/prediction"], 1e-4)


def test_correctors(golden, reference):
    def corrected(method: str, *arguments: str) -> jax.Array:
        inputs = [jnp.asarray(golden[name]) for name in arguments]
        return MODULE.apply(variables(reference), *inputs, method=method, capture_intermediates=True)

    stitched, inside = corrected("stitch", "out/x_s", "out/x_d")
    close(stitched, golden["out/stitching"], 1e-5)
    (raw,) = inside["intermediates"]["corrector"]["stitch_network"]["__call__"]
    close(raw, golden["out/stitch_raw"], 1e-5)
    close(corrected("open_eyes", "out/x_s", "in/eye_ratio")[0], golden["out/retarget_eye"], 1e-5)
    close(corrected("open_lips", "out/x_s", "in/lip_ratio")[0], golden["out/retarget_lip"], 1e-5)
