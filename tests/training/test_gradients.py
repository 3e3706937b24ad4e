"""Which networks each term trains, system by system: those that the papers say, and no other."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import drawn
from tests.training.samples import assert_equal, one_batch, run_steps, tiny
from thf_jax.training.draws import example_keys
from thf_jax.training.seen import look
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.state import TrainState
from thf_jax.training.step import as_floats, generator_terms

MODELS = {"fomm": "debug", "monkey_net": "debug", "mraa": "debug+avd", "face_vid2vid": "debug"}
KEYPOINTS, AVD = frozenset({"detector"}), frozenset({"avd"})
PICTURE = frozenset({"detector", "dense_motion", "generator"})
MOVED = PICTURE | {"background"}
ESTIMATOR = frozenset({"estimator"})
HEAD = KEYPOINTS | ESTIMATOR
PICTURE_TERMS = ("reconstruction", "perceptual", "adversarial", "feature_matching")
REACHED = {
    "fomm": {
        **dict.fromkeys(PICTURE_TERMS, PICTURE),
        **dict.fromkeys(("equivariance_position", "equivariance_jacobian", "keypoint_prior"), KEYPOINTS),
    },
    "monkey_net": {
        **dict.fromkeys(PICTURE_TERMS, PICTURE),
        **dict.fromkeys(("equivariance_position", "keypoint_prior"), KEYPOINTS),
    },
    "mraa": {
        **dict.fromkeys(PICTURE_TERMS, MOVED),
        **dict.fromkeys(("equivariance_position", "equivariance_jacobian", "keypoint_prior"), KEYPOINTS),
        **dict.fromkeys(("avd_position", "avd_jacobian"), AVD),
    },
    "face_vid2vid": {
        **dict.fromkeys(("identity", *PICTURE_TERMS), PICTURE | HEAD | {"appearance"}),
        **dict.fromkeys(("equivariance_position", "keypoint_prior", "depth_prior"), HEAD),
        **dict.fromkeys(("head_pose", "deformation_prior"), ESTIMATOR),
    },
}


def random_state(config, recipe) -> TrainState:
    """No part is at its start, where some are deaf to what lies before them."""
    state = jax.eval_shape(lambda key: initial_state(config, recipe, key), jax.random.key(1))
    filled = []
    for network in (state.animator, state.discriminator):
        variables = jax.tree.map(jnp.asarray, drawn(network.variables))
        params = variables.pop("params")
        if "estimator" in params:  # expressions as large as those drawn would leave no two keypoints close
            params["estimator"]["expression"] = jax.tree.map(lambda x: 0.01 * x, params["estimator"]["expression"])
        filled.append(dataclasses.replace(network, params=params, statistics=variables))
    return TrainState(state.step, *filled)


@functools.cache
def slopes(system, *changes, asked=None):
    """By term, those asked for or all, the gradient by the parameters of each part; one program gives all of them."""
    asked = asked or tuple(REACHED[system])
    weights = {f"loss.{term}": 1.0 for term in asked}
    config = tiny(system, MODELS[system], **weights, **{"model.detector.count": 6}, **dict(changes))
    recipe = build_recipe(config, 1)
    state, frozen = random_state(config, recipe), frozen_variables(config, recipe)
    # Of maps of one pixel, two examples normalised by their own statistics are 1 and -1, whatever they were.
    images = as_floats(jax.tree.map(jnp.asarray, one_batch(4 if system == "face_vid2vid" else 2)))
    images["pose"] = jnp.full((len(images["driving"]), 3), 20.0)

    # What the compiler's optimisations would save in running is far less than what they take.
    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": "0"})
    @jax.jacrev
    def values(params):
        seen, _, _ = look(recipe, state, params, images, example_keys(jax.random.key(2), len(images["driving"])))
        terms = generator_terms(recipe, seen, frozen)
        return {term: terms[term]() for term in asked}

    return values(state.animator.params)


def size(gradient) -> float:
    return float(sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(gradient)))


@pytest.mark.parametrize(("system", "term"), [(system, term) for system in REACHED for term in REACHED[system]])
def test_each_term_trains_the_networks_that_the_paper_says(system, term):
    parts = slopes(system)[term]
    assert {part for part, gradient in parts.items() if size(gradient) > 1e-9} == REACHED[system][term]


def test_monkey_nets_detector_learns_through_the_discriminators_heatmaps_too():
    """Without them only the detector's gradient changes: the picture's way is the same for every part."""
    with_them = slopes("monkey_net")["adversarial"]
    detached = slopes("monkey_net", ("discriminator.detach_keypoints", True), asked=("adversarial",))
    without = detached["adversarial"]
    for part in ("dense_motion", "generator"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-7), with_them[part], without[part]
        )
    difference = jax.tree.map(jnp.subtract, with_them["detector"], without["detector"])
    assert size(difference) > 0.01 * size(without["detector"])


def test_the_second_stage_changes_the_avd_network_alone_and_the_detectors_statistics():
    config = tiny("mraa", "debug+avd")
    before, _ = run_steps(config, 0, jax.devices()[:1])
    after, history = run_steps(config, 1, jax.devices()[:1])
    assert set(history[0]) == {"loss", "gradient_norm", "avd_position", "avd_jacobian"}
    ours, theirs = after.animator, before.animator
    for part in ("detector", "dense_motion", "generator", "background"):
        assert_equal(ours.params[part], theirs.params[part])
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), ours.params["avd"], theirs.params["avd"])
    assert changed["decoder"]["layer3"] == {"bias": True, "kernel": True}
    assert all(layer["kernel"] for name in changed for layer in changed[name].values() if "kernel" in layer)
    # As published, regions are found in training mode and their running statistics go on.
    moved = jax.tree.map(
        lambda a, b: bool((a != b).any()), ours.statistics["batch_stats"], theirs.statistics["batch_stats"]
    )
    assert any(jax.tree.leaves(moved["detector"])) and all(jax.tree.leaves(moved["avd"]))
    assert not any(jax.tree.leaves([moved["dense_motion"], moved["generator"], moved["background"]]))
