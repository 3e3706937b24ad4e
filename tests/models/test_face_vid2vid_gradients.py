"""Face vid2vid in training, with the SPADE generator: which networks each loss term trains, and their statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.inference.samples import SIZE, drawn_animator
from tests.models.samples import pictures
from tests.models.test_face_vid2vid import SETTINGS
from thf_jax.losses import head_terms, terms
from thf_jax.models import build
from thf_jax.ops.splines import Deformation

MODULE = build("face_vid2vid", SETTINGS)
SOURCE, DRIVING = pictures(2, SIZE, seed=1), pictures(2, SIZE, seed=2)
LABELS = jnp.array([[10.0, -5.0, 3.0], [-40.0, 20.0, -15.0]])
TERMS = ("reconstruction", "equivariance", "keypoint prior", "depth prior", "head pose", "deformation prior")


@pytest.fixture(scope="module")
def variables():
    return drawn_animator("face_vid2vid", SIZE, SETTINGS).variables


@pytest.fixture(scope="module")
def training(variables):
    """By term, the gradient with respect to every parameter, and the new statistics; all of them from one pass."""
    statistics = dict(variables)
    params = statistics.pop("params")
    deformation = Deformation(jnp.tile(jnp.eye(2, 3), (2, 1, 1)) + 0.1, jnp.full((2, 25), 0.01))

    def verbs(module):
        encoded, motion = module.encode(SOURCE, train=True), module.motion(DRIVING, train=True)
        return encoded, motion, module.render(encoded, motion, train=True)

    def losses(params):
        run = nn.apply(verbs, MODULE, mutable=list(statistics))
        (encoded, motion, rendering), updated = run({"params": params, **statistics})
        driving = motion.pose(encoded.canonical)
        values = (
            terms.reconstruction(rendering.image, DRIVING),
            # Another picture stands for the deformed one, which spares a third of the compilation.
            terms.equivariance_position(driving, deformation, encoded.motion.pose(encoded.canonical)),
            terms.keypoint_prior(driving, least_square=100.0),  # keypoints of random weights lie far apart
            head_terms.depth_prior(driving),
            head_terms.head_pose(motion, LABELS),
            head_terms.deformation_prior(motion),
        )
        return values, updated

    @jax.jit
    def all_gradients(params):
        _, pull, updated = jax.vjp(losses, params, has_aux=True)
        return jax.vmap(pull)(tuple(jnp.eye(len(TERMS))))[0], updated

    together, updated = jax.device_get(all_gradients(params))
    return {term: jax.tree.map(lambda x, row=row: x[row], together) for row, term in enumerate(TERMS)}, updated


@pytest.fixture(scope="module")
def gradients(training):
    return training[0]


def test_training_updates_the_statistics_of_every_part(training, variables):
    after = training[1]
    assert set(after["batch_stats"]) == {"detector", "estimator", "appearance", "dense_motion", "generator"}
    same = jax.tree.map(np.array_equal, after, {name: variables[name] for name in after})
    assert set(after) == {"batch_stats", "spectral"} and not any(jax.tree.leaves(same))


def reached(gradient, part: str) -> bool:
    return any(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient[part]))


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("reconstruction", {"detector", "estimator", "appearance", "dense_motion", "generator"}),
        ("equivariance", {"detector", "estimator"}),
        ("keypoint prior", {"detector", "estimator"}),
        ("depth prior", {"detector", "estimator"}),
        ("head pose", {"estimator"}),
        ("deformation prior", {"estimator"}),
    ],
)
def test_a_term_trains_these_networks_and_no_other(gradients, term, parts):
    assert {part for part in gradients[term] if reached(gradients[term], part)} == parts
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients[term]))


@pytest.mark.parametrize(
    ("term", "heads"), [("head pose", {"yaw", "pitch", "roll"}), ("deformation prior", {"expression"})]
)
def test_a_term_of_the_motion_trains_the_heads_that_it_sees_and_the_trunk(gradients, term, heads):
    layers = gradients[term]["estimator"]
    all_heads = {"yaw", "pitch", "roll", "translation", "expression"}
    assert {name for name in layers if reached(layers, name)} == (set(layers) - all_heads) | heads
