"""FOMM against numbers of the original implementation."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models import golden as recorded
from tests.models.golden import both_readings, image
from thf_jax.inference.best_frame import relative_scale
from thf_jax.interop.fomm import discriminator_variables, fomm_variables
from thf_jax.models import build
from thf_jax.nn.discriminator import PatchDiscriminator
from thf_jax.ops.filtering import antialias_kernel, downsample
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.splines import Deformation, deform_image, deform_points, deformation_jacobian
from thf_jax.types import Keypoints

HOURGLASS = {"width": 8, "depth": 3, "most": 32}


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded.load(reference, "fomm")


@pytest.fixture(scope="module")
def state_dicts(golden) -> dict[str, dict[str, np.ndarray]]:
    return recorded.state_dicts(golden)


@pytest.fixture(scope="module")
def run(golden, state_dicts):
    """By reading of the grid, both motions and the rendering; each reading runs once."""

    @functools.cache
    def outputs(align_corners: bool) -> tuple[Any, Any, Any]:
        settings = {
            "detector": {**HOURGLASS, "count": 4},
            "dense_motion": {**HOURGLASS, "align_corners": align_corners},
            "generator": {"width": 8, "most": 32, "residual_blocks": 2, "align_corners": align_corners},
        }
        variables = fomm_variables(state_dicts, settings, size=128)
        module = build("fomm", settings)

        @jax.jit
        def verbs(source, driving):
            encoded = module.apply(variables, source, method="encode")
            motion = module.apply(variables, driving, method="motion")
            return encoded.motion, motion, module.apply(variables, encoded, motion, method="render")

        return verbs(image(golden["in/source"]), image(golden["in/driving"]))

    return outputs


def test_keypoints_and_jacobians(golden, run):
    for keypoints, name in zip(run(True)[:2], ("source", "driving"), strict=True):
        np.testing.assert_allclose(keypoints.position, golden[f"out/kp_{name}/value"], rtol=0, atol=1e-5)
        np.testing.assert_allclose(keypoints.jacobian, golden[f"out/kp_{name}/jacobian"], rtol=0, atol=1e-5)


@both_readings
def test_rendering(golden, run, align_corners):
    rendering = run(align_corners)[2]
    warp, folder = rendering.warp, f"out_align{int(align_corners)}/generator"
    for ours, theirs in {
        "mask": warp.masks,
        "sparse_deformed": warp.candidates,
        "occlusion_map": warp.visibility,
        "deformed": warp.deformed,
        "prediction": rendering.image,
    }.items():
        np.testing.assert_allclose(theirs, image(golden[f"{folder}/{ours}"]), rtol=0, atol=1e-4, err_msg=ours)


def test_the_two_readings_can_be_told_apart(golden):
    first, second = (golden[f"out_align{reading}/generator/prediction"] for reading in (0, 1))
    assert np.abs(first - second).max() > 1e-2


@pytest.mark.parametrize("name", ["discriminator", "discriminator_adv"])
def test_discriminators(golden, state_dicts, name):
    """One with spectral norm, which sees the picture alone; one that is shown the driving keypoints as well."""
    conditioned = name == "discriminator_adv"
    fields = {**HOURGLASS, "spectral_norm": not conditioned}
    variables = discriminator_variables({"discriminator": state_dicts[name]}, fields, keypoints=4 if conditioned else 0)
    heatmaps = None
    if conditioned:
        position = jnp.asarray(golden["out/kp_driving/value"])
        heatmaps = jax.vmap(lambda one: gaussian_heatmaps(one, (128, 128), variance=0.01))(position)
    judge = jax.jit(functools.partial(PatchDiscriminator(**fields).apply, train=False))
    score, features = judge(variables, image(golden["in/driving"]), heatmaps)
    expected = [golden[f"out/{name}/feature_maps_1/{index}"] for index in range(3)]
    expected.append(golden[f"out/{name}/prediction_map_1"])
    for ours, theirs in zip([*features, score], expected, strict=True):
        np.testing.assert_allclose(ours, image(theirs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125])
def test_antialiased_downsampling(golden, scale):
    line = antialias_kernel(scale)
    np.testing.assert_allclose(np.outer(line, line), golden[f"aa/kernel_{scale}"], rtol=0, atol=1e-7)
    small = jax.jit(jax.vmap(lambda x: downsample(x, scale)))(image(golden["in/source"]))
    np.testing.assert_allclose(small, image(golden[f"aa/out_{scale}"]), rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def deformation(golden) -> Deformation:
    return Deformation(jnp.asarray(golden["tps/theta"]), jnp.asarray(golden["tps/control_params"][:, 0]))


def test_deformed_points_and_their_jacobians(golden, deformation):
    points = jnp.asarray(golden["tps/warp_in"])
    np.testing.assert_allclose(jax.vmap(deform_points)(deformation, points), golden["tps/warp_out"], rtol=0, atol=1e-5)
    jacobians = jax.jit(jax.vmap(deformation_jacobian))(deformation, points)
    np.testing.assert_allclose(jacobians, golden["tps/jac"], rtol=0, atol=1e-5)


@both_readings
def test_deformed_frames(golden, deformation, align_corners):
    deform = jax.jit(jax.vmap(functools.partial(deform_image, align_corners=align_corners)))
    frames = deform(deformation, image(golden["in/driving"]))
    expected = image(golden[f"out_align{int(align_corners)}/tps/frame"])
    np.testing.assert_allclose(frames, expected, rtol=0, atol=1e-4)


def test_relative_motion_at_the_sources_scale(golden):
    """The original was given the first source, the second driving frame and, as the initial one, the first."""

    def keypoints(name: str, index: int) -> Keypoints:
        value, jacobian = (golden[f"out/kp_{name}/{part}"][index] for part in ("value", "jacobian"))
        return Keypoints(jnp.asarray(value), jnp.asarray(jacobian))

    source, initial, driving = keypoints("source", 0), keypoints("driving", 0), keypoints("driving", 1)
    scale = relative_scale(source, initial)
    assert abs(scale - 1) > 0.01
    moved = driving.transfer(initial, source, scale=scale)
    np.testing.assert_allclose(moved.position, golden["out/normalize_kp/value"][0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(moved.jacobian, golden["out/normalize_kp/jacobian"][0], rtol=0, atol=1e-5)
