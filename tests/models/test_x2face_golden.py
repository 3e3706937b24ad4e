"""X2Face against numbers of the original implementation: small networks of random weights, inputs and outputs.

The arrays are torch's, channels first. Where the original reads a grid, they were made under both readings of it.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.interop.x2face import x2face_variables
from thf_jax.models import build
from thf_jax.nn.unet import UNet
from thf_jax.ops.sampling import pixel_grid, sample

WIDTHS = {"width": 4, "most": 32}
both_readings = pytest.mark.parametrize("align_corners", [True, False])


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    with np.load(reference / "golden" / "x2face_tiny.npz") as archive:
        return dict(archive)


def settings(align_corners: bool) -> dict[str, dict[str, Any]]:
    return {
        "embedding": {**WIDTHS, "code": 32, "align_corners": align_corners},
        "driving": {**WIDTHS, "code": 16, "align_corners": align_corners},
    }


@pytest.fixture(scope="module")
def variables(golden) -> dict[str, Any]:
    state_dict = {name.removeprefix("sd/model/"): golden[name] for name in golden if name.startswith("sd/")}
    return x2face_variables({"state_dict": state_dict}, settings(True))


def image(array: np.ndarray) -> jax.Array:
    """Channels last."""
    return jnp.asarray(np.moveaxis(array, -3, -1))


@functools.partial(jax.jit, static_argnames=("readings", "two"))
def outputs(variables, first, second, driving, *, readings=(True, False), two=True) -> dict[str, Any]:
    """Codes and maps of the networks alone; and by reading the embedded face, the pictures of one source and two."""
    found: dict[str, Any] = {}
    alone = (("embedding", UNet(3, 32, True, **WIDTHS), first), ("driving", UNet(2, 16, False, **WIDTHS), driving))
    for part, network, frame in alone:
        own = {collection: tree[part]["unet"] for collection, tree in variables.items()}
        code, maps = network.apply(own, frame, method="encode")
        found[part] = code, network.apply(own, code, maps, method="decode")
    for reading in readings:
        module = build("x2face", settings(reading))
        motion = module.apply(variables, driving, method="motion")
        encoded: Any = module.apply(variables, first, method="encode")
        pictures = {"motion": motion, "unwrapped": encoded.image}
        pictures["one"] = module.apply(variables, encoded, motion, method="render").image
        if two:
            encoded = module.apply(variables, jnp.stack([first, second], 1), method="encode")
            pictures["two"] = module.apply(variables, encoded, motion, method="render").image
        found[f"align{int(reading)}"] = pictures
    return found


def inputs(golden: dict[str, np.ndarray]) -> list[jax.Array]:
    return [image(golden[f"in/{name}"]) for name in ("source1", "source2", "driving")]


@pytest.fixture(scope="module")
def run(golden, variables) -> dict[str, Any]:
    return outputs(variables, *inputs(golden))


@pytest.mark.parametrize(("part", "name"), [("embedding", "unwrap_code"), ("driving", "driving_code")])
def test_codes(golden, run, part, name):
    """The original returns them after the ReLU that works in place."""
    code = np.asarray(run[part][0])
    assert code.min() < 0 < code.max()
    np.testing.assert_allclose(np.maximum(code, 0), image(golden[f"out/{name}"]), rtol=0, atol=1e-5)


def test_maps(golden, run):
    np.testing.assert_allclose(run["embedding"][1], image(golden["out/unwrap_raw"]), rtol=0, atol=1e-4)
    flow = np.tanh(run["driving"][1])  # in the original the network itself ends with it
    np.testing.assert_allclose(flow, image(golden["out/sampler_raw"]), rtol=0, atol=1e-4)


@both_readings
def test_pictures(golden, run, align_corners):
    """Where neighbouring pixels are sampled far apart, rounding shows: see the next two tests."""
    for name in ("unwrapped", "one", "two"):
        difference = np.abs(
            run[f"align{int(align_corners)}"][name] - image(golden[f"out_align{int(align_corners)}/model/{name}"])
        )
        assert np.mean(difference > 1e-4) < 1e-3, name
        np.testing.assert_array_less(difference, 2e-4, err_msg=name)


@both_readings
def test_sampling_by_the_originals_own_flows(golden, align_corners):
    """Given the very same flows, nothing of the difference is left."""
    folder, grid = f"out_align{int(align_corners)}/model", pixel_grid((256, 256))
    unwrap, flow = (jnp.tanh(image(golden[f"out/{name}"])[0, ..., :2]) for name in ("unwrap_raw", "sampler_raw"))
    face = sample(image(golden["in/source1"])[0], grid + unwrap, align_corners=align_corners)
    np.testing.assert_allclose(face, image(golden[f"{folder}/unwrapped"])[0], rtol=0, atol=1e-4)
    picture = sample(face, grid + flow, align_corners=align_corners)
    np.testing.assert_allclose(picture, image(golden[f"{folder}/one"])[0], rtol=0, atol=1e-4)


def test_the_original_is_farther_from_exact_arithmetic(golden, run, variables):
    """In float64 the same networks give a picture that ours is within 1e-4 of, and the original's is not."""
    with jax.enable_x64(True):
        doubles = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), (variables, *inputs(golden)))
        exact = np.asarray(outputs(*doubles, readings=(True,), two=False)["align1"]["one"])
    assert exact.dtype == np.float64
    np.testing.assert_allclose(run["align1"]["one"], exact, rtol=0, atol=1e-4)
    assert np.abs(image(golden["out_align1/model/one"]) - exact).max() > 1e-4


def test_the_two_readings_can_be_told_apart(golden):
    first, second = (golden[f"out_align{reading}/model/one"] for reading in (0, 1))
    assert np.abs(first - second).max() > 1e-2


def test_the_motion_is_the_raw_code(golden, run):
    code = np.asarray(run["align1"]["motion"].code)
    np.testing.assert_allclose(code, run["driving"][0][:, 0, 0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.maximum(code, 0), golden["out/driving_code"][..., 0, 0], rtol=0, atol=1e-5)
