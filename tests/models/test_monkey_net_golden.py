"""Monkey-Net against numbers of the original implementation, whose arrays have a time axis of length 1."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models import golden as recorded
from tests.models.golden import both_readings
from thf_jax.interop.monkey_net import discriminator_variables, monkey_net_variables
from thf_jax.models import build
from thf_jax.nn.discriminator import PatchDiscriminator
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.types import Reconstruction

HOURGLASS = {"width": 8, "depth": 3, "most": 32, "scale": 0.5}


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded.load(reference, "monkey_net")


@pytest.fixture(scope="module")
def state_dicts(golden) -> dict[str, dict[str, np.ndarray]]:
    return recorded.state_dicts(golden)


def image(array: np.ndarray) -> jax.Array:
    """Channels last, without the time axis."""
    return recorded.image(array[:, :, 0])


@pytest.fixture(scope="module")
def run(golden, state_dicts):
    """The reconstruction by reading of the grid; each reading runs once."""

    @functools.cache
    def outputs(align_corners: bool) -> Reconstruction:
        settings = {
            "detector": {**HOURGLASS, "count": 4},
            "dense_motion": {**HOURGLASS, "align_corners": align_corners},
            "generator": {
                **HOURGLASS,
                "depth": 4,
                "refinement_blocks": 2,
                "align_corners": align_corners,
            },
        }
        variables = monkey_net_variables(state_dicts, settings, size=64)
        module = build("monkey_net", settings)
        return jax.jit(module.apply)(variables, image(golden["in/source"]), image(golden["in/driving"]))

    return outputs


def test_keypoints_and_their_covariances(golden, run):
    for keypoints, name in ((run(True).encoded.motion, "source"), (run(True).motion, "driving")):
        np.testing.assert_allclose(keypoints.position, golden[f"out/kp_{name}/mean"][:, 0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(keypoints.covariance, golden[f"out/kp_{name}/var"][:, 0], rtol=0, atol=1e-5)
        assert keypoints.jacobian is None


@both_readings
def test_rendering(golden, run, align_corners):
    rendering, folder = run(align_corners).rendering, f"out_align{int(align_corners)}/generator"
    for name, ours in {"prediction": rendering.image, "deformed": rendering.warp.deformed}.items():
        np.testing.assert_allclose(ours, image(golden[f"{folder}/video_{name}"]), rtol=0, atol=1e-4, err_msg=name)


def test_the_two_readings_can_be_told_apart(golden):
    first, second = (golden[f"out_align{reading}/generator/video_prediction"] for reading in (0, 1))
    assert np.abs(first - second).max() > 1e-2


def test_discriminator(golden, state_dicts):
    """It sees the picture and the driving keypoints, and hands the picture back as the first of its features."""
    fields = {"width": 8, "depth": 3, "most": 16, "pool_last": True}
    variables = discriminator_variables(state_dicts, fields, keypoints=4)
    position, covariance = (jnp.asarray(golden[f"out/kp_driving/{part}"][:, 0]) for part in ("mean", "var"))
    heatmaps = 0.01 * jax.vmap(lambda at, spread: gaussian_heatmaps(at, (64, 64), variance=0.01, covariance=spread))(
        position, covariance
    )
    judge = jax.jit(functools.partial(PatchDiscriminator(**fields).apply, train=False))
    score, features = judge(variables, image(golden["in/driving"]), heatmaps)
    found = [image(golden["in/driving"]), *features, score]
    for index, ours in enumerate(found):
        np.testing.assert_allclose(ours, image(golden[f"out/discriminator/{index}"]), rtol=1e-4, atol=1e-4)


def test_nothing_recorded_is_left_out(golden):
    seen = {f"out/kp_{name}/{part}" for name in ("source", "driving") for part in ("mean", "var")}
    seen |= {f"out_align{reading}/generator/video_{name}" for reading in (0, 1) for name in ("prediction", "deformed")}
    assert recorded.outputs(golden) == seen | {f"out/discriminator/{index}" for index in range(5)}
