"""From a config to what the step needs: modules, optimisers, and the state at its start."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from data_pipelines.augment import color_jitter
from thf_jax.errors import InputError
from thf_jax.inference.load import load
from thf_jax.interop.vgg19 import load_vgg19
from thf_jax.models import build
from thf_jax.nn.discriminator import PatchDiscriminator
from thf_jax.nn.vgg import VGG19
from thf_jax.training.config import Config
from thf_jax.training.optimizers import adam
from thf_jax.training.state import TrainState, create_network, start
from thf_jax.training.step import Recipe


def build_recipe(config: Config, steps: int) -> Recipe:
    """The recipe of this config for a run of so many steps."""
    adversarial = config.loss.adversarial != 0
    weights = dict(config.loss)
    if not adversarial:
        weights["feature_matching"] = 0.0
    discriminator = config.discriminator
    jitter = dict(config.data.jitter)
    return Recipe(
        module=build(config.system, config.model.to_dict()),
        optimizer=adam(config.optimizer, steps, dict(config.optimizer.multipliers)),
        weights=weights,
        perceptual=VGG19(config.perceptual.taps) if weights["perceptual"] else None,
        scales=tuple(config.perceptual.scales),
        discriminator=PatchDiscriminator(
            discriminator.width, discriminator.depth, discriminator.most, discriminator.spectral_norm
        )
        if adversarial
        else None,
        discriminator_optimizer=adam(config.optimizer, steps) if adversarial else None,
        condition_on_keypoints=discriminator.keypoints,
        sigma_affine=config.equivariance.sigma_affine,
        sigma_spline=config.equivariance.sigma_spline,
        spline_points=config.equivariance.points,
        align_corners=config.model.generator.align_corners,
        augment=(lambda key, batch: color_jitter(key, batch, **jitter)) if any(jitter.values()) else None,
    )


def initial_state(config: Config, recipe: Recipe, key: jax.Array) -> TrainState:
    """The state before the first step, random by `key`."""
    animator_key, discriminator_key = jax.random.split(key)
    picture = jnp.zeros((1, config.size, config.size, 3))
    animator = create_network(animator_key, recipe.module, recipe.optimizer, picture, picture)
    if recipe.discriminator is None or recipe.discriminator_optimizer is None:
        return start(animator)
    heatmaps = None
    if recipe.condition_on_keypoints:
        heatmaps = jnp.zeros((1, config.size, config.size, config.model.detector.count))
    return start(
        animator,
        create_network(discriminator_key, recipe.discriminator, recipe.discriminator_optimizer, picture, heatmaps),
    )


def first_stage(config: Config, state: TrainState) -> TrainState:
    """The state with the networks of the model that `train.start_from` names; unchanged where it names none.

    The optimisers start anew, and so does the discriminator.

    Raises:
        InputError: there is no such model, or its networks are not those of the config.
    """
    if not config.train.start_from:
        return state
    variables = dict(load(config.train.start_from).variables)
    animator = dataclasses.replace(state.animator, params=variables.pop("params"), statistics=variables)
    if jax.tree.map(jnp.shape, animator.variables) != jax.tree.map(jnp.shape, state.animator.variables):
        raise InputError(
            f"the model {config.train.start_from} has other networks than this configuration; "
            "give --config.model the settings in the model's config.json"
        )
    return dataclasses.replace(state, animator=animator)


def perceptual_variables(config: Config, recipe: Recipe) -> Any:
    """VGG19's variables: torchvision's from the path in the config, or random where the config says `random` by name.

    Raises:
        InputError: neither a path nor `random`, or the file is not torchvision's VGG19.
    """
    if recipe.perceptual is None:
        return None
    weights = config.perceptual.weights
    if weights == "random":
        return jax.jit(recipe.perceptual.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    if not weights:
        raise InputError(
            "the perceptual loss needs VGG19's weights: give --config.perceptual.weights the path of torchvision's "
            "vgg19 file, or 'random' for random ones, or set --config.loss.perceptual=0"
        )
    return load_vgg19(Path(weights))
