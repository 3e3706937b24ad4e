"""Every variant and ablation gives a step that can be taken: traced at a small size, nothing computed."""

import dataclasses
import functools
import importlib

import jax
import jax.numpy as jnp
import pytest

from tests.training.samples import SYSTEMS
from thf_jax.errors import InputError
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import train_step

CONFIGS = {system: importlib.import_module(f"configs.{system}") for system in (*SYSTEMS, "face_vid2vid")}
NAMES = [
    (system, name)
    for system, module in CONFIGS.items()
    for name in (*(f"{name}+debug" for name in module.variants()), *(f"debug+{name}" for name in module.ablations()))
]
COMBINED = [
    ("fomm", "debug+adversarial+keypoints_20"),
    ("fomm", "debug+adversarial+zeroth_order"),
    ("mraa", "debug+avd+no_background"),
    ("mraa", "debug+avd+regions_5"),
    ("face_vid2vid", "mini64"),
]
HEADS = {"perceptual", "adversarial", "feature_matching", "equivariance_position"}
HEADS |= {"keypoint_prior", "depth_prior", "head_pose", "deformation_prior"}


@pytest.mark.parametrize(("system", "name"), [*NAMES, *COMBINED])
def test_a_step_of_every_variant(system, name):
    config = CONFIGS[system].get_config(name)
    recipe = build_recipe(config, 10)

    def first_step(images):
        state = initial_state(config, recipe, jax.random.key(0))
        frozen = frozen_variables(config, recipe)
        after, metrics = train_step(recipe, state, frozen, images, jax.random.key(1))
        return jax.tree.leaves(state), jax.tree.leaves(after), metrics

    image = jax.ShapeDtypeStruct((2, config.size, config.size, 3), jnp.uint8)
    batch = {"source": image, "driving": image, "pose": jax.ShapeDtypeStruct((2, 3), jnp.float32)}
    before, after, metrics = jax.eval_shape(first_step, batch)
    assert [(x.shape, x.dtype) for x in after] == [(x.shape, x.dtype) for x in before]
    wanted = {term for term, weight in recipe.weights.items() if weight}
    assert set(metrics) == wanted | {"loss", "gradient_norm"} | (
        {"discriminator", "discriminator_gradient_norm"} if recipe.discriminator else set()
    )
    assert all(value.shape == () and value.dtype == jnp.float32 for value in metrics.values())


@pytest.mark.parametrize(
    ("system", "name"),
    [("x2face", "identity+debug"), pytest.param("face_vid2vid", "debug", marks=pytest.mark.thorough)],
)
def test_head_poses_several_sources_and_strangers_are_divided_into_micro_batches(system, name):
    config = importlib.import_module(f"configs.{system}").get_config(name)
    recipe = build_recipe(config, 10)
    state = jax.eval_shape(lambda key: initial_state(config, recipe, key), jax.random.key(0))
    frozen = jax.eval_shape(lambda: frozen_variables(config, recipe))
    image = jax.ShapeDtypeStruct((6, config.size, config.size, 3), jnp.uint8)
    source = image.update(shape=(6, config.data.sources, *image.shape[1:])) if config.data.sources > 1 else image
    batch = {"source": source, "driving": image, "stranger": image, "pose": jax.ShapeDtypeStruct((6, 3), jnp.float32)}
    step = functools.partial(train_step, dataclasses.replace(recipe, accumulate=3))
    after, metrics = jax.eval_shape(step, state, frozen, batch, jax.random.key(1))
    assert after == state
    assert set(metrics) >= {term for term, weight in recipe.weights.items() if weight}
    assert all(value.shape == () for value in metrics.values())


@pytest.mark.parametrize(
    ("system", "name", "terms"),
    [
        ("fomm", "", {"perceptual", "equivariance_position", "equivariance_jacobian"}),
        ("monkey_net", "", {"reconstruction", "adversarial", "feature_matching"}),
        ("monkey_net", "no_discriminator", {"reconstruction"}),
        ("mraa", "", {"perceptual", "equivariance_position", "equivariance_jacobian"}),
        ("mraa", "avd", {"avd_position", "avd_jacobian"}),
        ("face_vid2vid", "", HEADS),
        ("face_vid2vid", "paper", HEADS | {"identity"}),
        ("face_vid2vid", "no_discriminator", HEADS - {"adversarial", "feature_matching"}),
    ],
)
def test_the_published_recipes_have_the_papers_terms(system, name, terms):
    config = CONFIGS[system].get_config(name)
    assert {term for term, weight in build_recipe(config, 10).weights.items() if weight} == terms


@pytest.mark.parametrize(
    ("system", "changes", "message"),
    [
        ("face_vid2vid", {"discriminator.loss": "hing"}, "no adversarial loss named 'hing'.*'hinge'"),
        ("face_vid2vid", {"discriminator.keypoints": True}, "keypoints in the plane.*give --config.discriminator"),
        ("fomm", {"loss.head_pose": 1.0}, "the loss head_pose needs the part estimator, which this fomm does not have"),
    ],
)
def test_settings_that_do_not_go_together(system, changes, message):
    config = CONFIGS[system].get_config("debug")
    config.update_from_flattened_dict(changes)
    with pytest.raises(InputError, match=message):
        build_recipe(config, 10)
