"""Face vid2vid's verbs together, with the SPADE generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import HEAD_SETTINGS, SIZE, drawn_animator
from tests.models.samples import pictures
from thf_jax.errors import InputError
from thf_jax.interop.shapes import variable_shapes
from thf_jax.models import build
from thf_jax.models.appearance import AppearanceEncoder
from thf_jax.models.volume_generator import pixel_shuffle
from thf_jax.ops.rotation import rotation_matrix

SETTINGS = {**HEAD_SETTINGS, "generator": {**HEAD_SETTINGS["generator"], "spade": True, "modulation_width": 4}}
MODULE = build("face_vid2vid", SETTINGS)
SOURCE, DRIVING = pictures(2, SIZE, seed=1), pictures(2, SIZE, seed=2)


@pytest.fixture(scope="module")
def variables():
    return drawn_animator("face_vid2vid", SIZE, SETTINGS).variables


@pytest.fixture(scope="module")
def outputs(variables):
    """The source encoded, the driving motion, and the rendering verb by verb."""

    @jax.jit
    def run(variables):
        encoded = MODULE.apply(variables, SOURCE, method="encode")
        motion = MODULE.apply(variables, DRIVING, method="motion")
        return encoded, motion, MODULE.apply(variables, encoded, motion, method="render")

    return run(variables)


def test_what_the_verbs_exchange(outputs):
    encoded, motion, rendering = outputs
    assert encoded.volume.shape == (2, 2, 16, 16, 4)
    assert encoded.canonical.shape == motion.expression.shape == (2, 5, 3)
    assert rendering.image.shape == (2, SIZE, SIZE, 3)
    assert rendering.warp.grid.shape == (2, 2, 16, 16, 3)
    np.testing.assert_array_equal(encoded.image, SOURCE)
    np.testing.assert_allclose(rendering.warp.masks.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(motion.rotation @ motion.rotation.mT, jnp.broadcast_to(jnp.eye(3), (2, 3, 3)), atol=1e-5)


def test_all_three_verbs_at_once_make_every_variable(variables):
    shapes = variable_shapes("face_vid2vid", SETTINGS, SIZE)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(lambda x: x.shape, shapes)


def test_an_expression_of_another_number_of_keypoints_is_refused(outputs, variables):
    encoded, motion, _ = outputs
    with pytest.raises(InputError, match="an expression of 4 keypoints does not go with 5 canonical ones"):
        MODULE.apply(variables, encoded, motion.replace(expression=motion.expression[:, :4]), method="render")


def test_the_older_order_of_rotations_is_a_setting(variables):
    """The estimator with every logit but one angle's at rest turns heads by that angle alone."""
    order = "roll_pitch_yaw"
    settings = {**SETTINGS, "estimator": {**SETTINGS["estimator"], "order": order, "bins": 66}}
    module = build("face_vid2vid", settings)
    estimator = dict(variables["params"]["estimator"])
    for name, degrees in (("yaw", 30), ("pitch", 0), ("roll", 0)):
        bias = 100 * jax.nn.one_hot(33 + degrees // 3, 66)
        estimator[name] = {"kernel": jnp.zeros((128, 66)), "bias": bias}
    changed = {**variables, "params": {**variables["params"], "estimator": estimator}}
    motion = jax.jit(lambda v: module.apply(v, DRIVING, method="motion"))(changed)
    expected = rotation_matrix(jnp.float32(30), jnp.float32(0), jnp.float32(0), order=order, pi=3.14)
    np.testing.assert_allclose(motion.rotation[0], expected, atol=1e-5)


def test_a_pixel_shuffle_lays_channels_out_as_pixels():
    x = np.arange(2 * 3 * 12, dtype=np.float32).reshape(1, 2, 3, 12)
    y = np.asarray(pixel_shuffle(jnp.asarray(x), 2))
    assert y.shape == (1, 4, 6, 3)
    for h, w, c, i, j in np.ndindex(2, 3, 3, 2, 2):
        assert y[0, 2 * h + i, 2 * w + j, c] == x[0, h, w, 4 * c + 2 * i + j]


def test_a_picture_that_cannot_be_halved_evenly_is_refused():
    with pytest.raises(InputError, match="halves its picture 2 times: the sides must be multiples of 4, not 32 x 34"):
        jax.eval_shape(AppearanceEncoder(width=4).init, jax.random.key(0), jnp.zeros((1, 32, 34, 3)))
