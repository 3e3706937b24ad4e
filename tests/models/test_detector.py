"""The keypoint detector and its variants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.samples import SMALL, pictures, random_variables
from thf_jax.models.detector import KeypointDetector
from thf_jax.types import Keypoints

FRAMES = pictures(2, 16)
SETTINGS = {"count": 3, **SMALL, "scale": 0.5}
MODULE = KeypointDetector(**SETTINGS)
run = jax.jit(MODULE.apply)


@pytest.fixture(scope="module")
def variables():
    return random_variables(MODULE.init, FRAMES)


@pytest.fixture(scope="module")
def detected(variables) -> Keypoints:
    return run(variables, FRAMES)


def without_jacobians(variables):
    return {**variables, "params": {name: x for name, x in variables["params"].items() if name != "jacobians"}}


def test_keypoints_lie_inside_and_depend_on_the_frame(detected):
    assert detected.position.shape == (2, 3, 2) and detected.jacobian.shape == (2, 3, 2, 2)
    assert (np.abs(detected.position) <= 1 + 1e-6).all()
    jax.tree.map(lambda x: np.testing.assert_array_less(1e-3, np.abs(x[0] - x[1]).max()), detected)


def test_every_jacobian_starts_as_the_identity(variables):
    head = jax.jit(MODULE.init)(jax.random.key(0), FRAMES)["params"]["jacobians"]
    started = run({**variables, "params": {**variables["params"], "jacobians": head}}, FRAMES)
    np.testing.assert_allclose(started.jacobian, np.broadcast_to(np.eye(2), (2, 3, 2, 2)), atol=1e-6)


def test_a_shared_map_is_every_keypoints_own(variables, detected):
    """The same as a map each, all of them equal."""
    shared = {name: x[..., :4] for name, x in variables["params"]["jacobians"].items()}
    tiled = {name: jnp.tile(x, 3) for name, x in shared.items()}
    module = KeypointDetector(**SETTINGS, jacobians="shared")
    found = jax.jit(module.apply)({**variables, "params": {**variables["params"], "jacobians": shared}}, FRAMES)
    expected = run({**variables, "params": {**variables["params"], "jacobians": tiled}}, FRAMES)
    np.testing.assert_allclose(found.jacobian, expected.jacobian, atol=1e-5)
    assert np.abs(found.jacobian[:, 0] - found.jacobian[:, 1]).max() > 1e-3  # each is read where its keypoint is


def test_a_zeroth_order_detector_has_no_jacobian_and_the_same_positions(variables, detected):
    module = KeypointDetector(**SETTINGS, jacobians=None)
    found = jax.jit(module.apply)(without_jacobians(variables), FRAMES)
    assert found.jacobian is None
    np.testing.assert_allclose(found.position, detected.position, atol=1e-5)


@pytest.mark.parametrize("padding", [0, 3])
def test_a_keypoint_can_reach_the_border_of_the_frame(padding):
    """The heat-map spans [-1, 1], however much smaller than the features it is."""
    module = KeypointDetector(**{**SETTINGS, "count": 1, "padding": padding, "jacobians": None})
    variables = jax.tree.map(jnp.zeros_like, random_variables(module.init, FRAMES))
    # The features are all 0 but for the frame itself, their last channels, whose brightest pixel alone decides.
    head = variables["params"]["heatmaps"]
    variables["params"]["heatmaps"] = {**head, "kernel": head["kernel"].at[3, 3, -1, 0].set(1000.0)}
    margin = 2 * (3 - padding)  # without padding the outer 3 of the half-size map's 8 pixels are lost
    bright = jnp.zeros_like(FRAMES).at[:, margin, 14 - margin].set(1.0)
    position = jax.jit(module.apply)(variables, bright).position
    np.testing.assert_allclose(position[0, 0], [1, -1], atol=1e-3)


def found(variables, **changes) -> Keypoints:
    """What a detector of other settings finds with the same hourglass and heat-maps."""
    module = KeypointDetector(**{**SETTINGS, "padding": 3, "covariance": "heatmap", **changes})
    given = variables if module.jacobians == "each" else without_jacobians(variables)
    return jax.jit(module.apply)(given, FRAMES)


def test_principal_axes_are_those_of_the_heatmaps_covariance(variables):
    regions = found(variables, jacobians="principal_axes")
    spread = np.asarray(regions.covariance, np.float64)
    assert np.linalg.eigvalsh(spread)[..., 0].min() > 1e-4
    axes = np.asarray(regions.jacobian, np.float64)
    np.testing.assert_allclose(axes @ axes.swapaxes(-1, -2), spread, atol=1e-5)
    crossed = (axes[..., 0] * axes[..., 1]).sum(-1)
    np.testing.assert_allclose(crossed, 0, atol=1e-5)
    assert (np.linalg.norm(axes[..., 0], axis=-1) >= np.linalg.norm(axes[..., 1], axis=-1)).all()


def test_the_covariance_is_the_heatmaps_or_its_mean_or_that_of_the_jacobians(variables):
    whole = found(variables).covariance
    mean = np.trace(whole, axis1=-2, axis2=-1)[..., None, None] / 2
    isotropic = found(variables, covariance="isotropic", jacobians=None)
    np.testing.assert_allclose(isotropic.covariance, mean * np.eye(2), rtol=1e-4, atol=1e-6)
    of_jacobians = found(variables, covariance="jacobian")
    jacobian = np.asarray(of_jacobians.jacobian)
    np.testing.assert_allclose(of_jacobians.covariance, jacobian @ jacobian.swapaxes(-1, -2), rtol=1e-4, atol=1e-6)
    assert found(variables, covariance=None).covariance is None


def test_a_covariance_that_is_too_small_is_enlarged_as_a_whole(variables):
    whole = np.asarray(found(variables).covariance, np.float64)
    smallest = np.linalg.svd(whole)[1][..., 1]
    bound = float(np.median(smallest))
    enlarged = found(variables, smallest_variance=bound).covariance
    factors = np.maximum(bound, smallest) / smallest
    assert factors.max() > 1.01 and factors.min() == 1
    np.testing.assert_allclose(enlarged, whole * factors[..., None, None], rtol=1e-4, atol=1e-6)


def test_without_antialiasing_every_other_pixel_alone_is_seen(variables):
    """The frame at half size, given as it is to a detector that does not shrink, is the same to it."""
    module = KeypointDetector(**{**SETTINGS, "scale": 1.0})
    full = jax.jit(module.apply)(variables, FRAMES[:, ::2, ::2])
    plain = found(variables, antialias=False, padding=0, covariance=None)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), plain, full)
