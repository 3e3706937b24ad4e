"""Face vid2vid against numbers of the original implementation: small networks of random weights, inputs and outputs.

The arrays are torch's, channels first. The estimator's widths are fixed in the original, so that its bins, translation
and expression are inputs here; its block is compared on its own, and so is the SPADE block.
"""

import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.interop.face_vid2vid import PLAIN_RULES, RULES
from thf_jax.interop.state_dict import convert
from thf_jax.interop.volume_rules import spade_rules
from thf_jax.models.appearance import AppearanceEncoder
from thf_jax.models.canonical_detector import CanonicalDetector
from thf_jax.models.dense_motion_3d import DenseMotion3D
from thf_jax.models.volume_generator import VolumeGenerator
from thf_jax.nn.bottleneck import BottleneckBlock
from thf_jax.nn.modulation import SPADEResidualBlock
from thf_jax.ops.rotation import PUBLISHED_PI, expected_degrees, rotation_matrix
from thf_jax.types import HeadMotion

DETECTOR = CanonicalDetector(count=4, width=8, depth=3, most=32, volume_depth=4)
APPEARANCE = AppearanceEncoder(width=8, most=16, first_size=7, channels=4, volume_depth=4, residual_blocks=2)
ANGLES = ("yaw", "pitch", "roll")
both_readings = pytest.mark.parametrize("align_corners", [True, False])


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    with np.load(reference / "golden" / "face_vid2vid_tiny.npz") as archive:
        return dict(archive)


def last(array: np.ndarray) -> jax.Array:
    """Channels last, of pictures and of volumes."""
    return jnp.asarray(np.moveaxis(array, 1, -1))


def run(golden, module, rules, networks: dict[str, str], *inputs: Any, part: str, **options: Any) -> Any:
    """What a module makes of the inputs with the weights of torch's networks, all of which it takes.

    `networks` tells the beginning of torch's names, and what the rules call it.
    """
    tensors = {
        name.replace(f"sd/{theirs}", ours, 1): value
        for theirs, ours in networks.items()
        for name, value in golden.items()
        if name.startswith(f"sd/{theirs}")
    }
    shapes = jax.eval_shape(lambda *x: module.init(jax.random.key(0), *x, **options), *inputs)
    above = part.split("/")
    wrapped = {
        kind: functools.reduce(lambda tree, name: {name: tree}, reversed(above), tree) for kind, tree in shapes.items()
    }
    kept = {"kp_detector.down.weight": 0.25} if part == "detector" else {}
    found = convert(tensors, wrapped, rules, filters=kept)
    variables = {kind: functools.reduce(operator.getitem, above, tree) for kind, tree in found.items()}
    return jax.jit(functools.partial(module.apply, **options))(variables, *inputs)


def parts(*prefixes: str) -> dict[str, str]:
    return {f"generator/{prefix}": f"generator.{prefix}" for prefix in prefixes}


def test_canonical_keypoints(golden):
    canonical = run(
        golden, DETECTOR, RULES, {"kp_detector/": "kp_detector."}, last(golden["in/source"]), part="detector"
    )
    np.testing.assert_allclose(canonical, golden["out/kp_canonical/value"], rtol=0, atol=1e-5)


def head_motion(golden, name: str) -> HeadMotion:
    degrees = [expected_degrees(jnp.asarray(golden[f"in/he_{name}/{angle}"])) for angle in ANGLES]
    expression = jnp.asarray(golden[f"in/he_{name}/exp"]).reshape(2, -1, 3)
    rotation = rotation_matrix(*degrees, pi=PUBLISHED_PI)
    return HeadMotion(rotation, jnp.asarray(golden[f"in/he_{name}/t"]), expression)


def test_angles_and_rotations(golden):
    """The original recorded those of the source."""
    for angle in ANGLES:
        degrees = expected_degrees(jnp.asarray(golden[f"in/he_source/{angle}"]))
        np.testing.assert_allclose(degrees, golden[f"out/deg_{angle}"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(head_motion(golden, "source").rotation, golden["out/rot"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["source", "driving"])
def test_posed_keypoints(golden, name):
    posed = head_motion(golden, name).pose(jnp.asarray(golden["out/kp_canonical/value"]))
    np.testing.assert_allclose(posed.position, golden[f"out/kp_{name}/value"], rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def volume(golden) -> jax.Array:
    networks = parts("first.", "down_blocks.", "second.", "resblocks_3d.")
    return run(golden, APPEARANCE, RULES, networks, last(golden["in/source"]), part="appearance")


@both_readings
def test_rendering(golden, volume, align_corners):
    positions = [jnp.asarray(golden[f"out/kp_{name}/value"]) for name in ("source", "driving")]
    motion = DenseMotion3D(width=8, depth=3, most=32, compressed=2, align_corners=align_corners)
    warp = run(golden, motion, RULES, parts("dense_motion_network."), volume, *positions, part="dense_motion")
    generator = VolumeGenerator(width=8, middle_blocks=2, spade=False, align_corners=align_corners)
    networks = parts("third.", "fourth.", "resblocks_2d.", "up_blocks.", "final.")
    rendering = run(golden, generator, [*RULES, *PLAIN_RULES], networks, volume, warp, part="generator")
    folder = f"out_align{int(align_corners)}/generator"
    expected_masks = np.moveaxis(golden[f"{folder}/mask"], 1, -1)
    np.testing.assert_allclose(warp.masks, expected_masks, rtol=0, atol=1e-4)
    np.testing.assert_allclose(warp.visibility, last(golden[f"{folder}/occlusion_map"]), rtol=0, atol=1e-4)
    np.testing.assert_allclose(rendering.image, last(golden[f"{folder}/prediction"]), rtol=0, atol=1e-4)


def test_the_two_readings_can_be_told_apart(golden):
    first, second = (golden[f"out_align{reading}/generator/prediction"] for reading in (0, 1))
    assert np.abs(first - second).max() > 1e-2


@pytest.mark.parametrize(("name", "features"), [("spade_same", 8), ("spade_down", 4)])
def test_spade_residual_blocks(golden, name, features):
    rules = spade_rules("generator", "decoder.")
    block = SPADEResidualBlock(features)
    inputs = (last(golden[f"in/{name}/x"]), last(golden[f"in/{name}/seg"]))
    result = run(golden, block, rules, {f"{name}/": "decoder.up_0."}, *inputs, part="generator/up_0", train=False)
    np.testing.assert_allclose(result, last(golden[f"out/{name}"]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_bottleneck_blocks(golden, stride):
    name = f"resbottleneck_s{stride}"
    rules, networks = [("block/(.+)", r"\1")], {f"{name}/": ""}
    result = run(
        golden, BottleneckBlock(stride), rules, networks, last(golden[f"in/{name}/x"]), part="block", train=False
    )
    np.testing.assert_allclose(result, last(golden[f"out/{name}"]), rtol=0, atol=1e-4)
