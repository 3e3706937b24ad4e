"""FOMM's verbs together."""

import jax
import numpy as np
import pytest

from tests.inference.samples import SETTINGS, SIZE, tiny_animator
from tests.models.samples import pictures
from thf_jax.models import build
from thf_jax.types import Reconstruction

MODULE = build("fomm", SETTINGS)
SOURCE, DRIVING = pictures(2, SIZE, seed=1), pictures(2, SIZE, seed=2)


@pytest.fixture(scope="module")
def variables():
    return tiny_animator().variables


@pytest.fixture(scope="module")
def outputs(variables):
    """The source encoded, its motion, and the reconstruction at once and verb by verb."""

    @jax.jit
    def run(variables):
        encoded = MODULE.apply(variables, SOURCE, method="encode")
        motion = MODULE.apply(variables, DRIVING, method="motion")
        rendering = MODULE.apply(variables, encoded, motion, method="render")
        own = MODULE.apply(variables, SOURCE, method="motion")
        return encoded, own, MODULE.apply(variables, SOURCE, DRIVING), Reconstruction(encoded, motion, rendering)

    return run(variables)


def test_calling_the_model_is_its_three_verbs_in_turn(outputs):
    _, _, at_once, in_turn = outputs
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), at_once, in_turn)


def test_the_source_is_encoded_with_its_own_keypoints(outputs):
    encoded, own, _, _ = outputs
    np.testing.assert_array_equal(encoded.image, SOURCE)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), encoded.motion, own)


def test_training_updates_the_statistics_of_every_part(variables):
    run = jax.jit(lambda v: MODULE.apply(v, SOURCE, DRIVING, train=True, mutable="batch_stats")[1])
    before, after = variables["batch_stats"], run(variables)["batch_stats"]
    assert set(before) == {"detector", "dense_motion", "generator"}
    same = jax.tree.map(np.array_equal, after, before)
    assert not any(jax.tree.leaves(same))


def test_the_shapes_of_what_the_verbs_exchange_need_no_numbers(variables):
    encoded = jax.eval_shape(lambda v: MODULE.apply(v, SOURCE, method="encode"), variables)
    assert encoded.image.shape == SOURCE.shape
    assert jax.tree.map(lambda x: None, encoded).motion.position is None
