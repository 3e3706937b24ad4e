"""From a config to what the step needs: the recipe, the state at its start, and the networks of the losses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from data_pipelines.augment import jitter_pair
from thf_jax.errors import InputError, nearest
from thf_jax.interop.vgg import load_face_vgg, load_vgg19
from thf_jax.losses.adversarial import GAMES, Game
from thf_jax.models import build
from thf_jax.nn.discriminator import MultiScaleDiscriminator
from thf_jax.nn.vgg import VGG19, FaceVGG
from thf_jax.ops.rotation import PUBLISHED_PI
from thf_jax.training.config import Config
from thf_jax.training.nonfinite import POLICIES
from thf_jax.training.optimizers import optimizer
from thf_jax.training.precision import computing_in
from thf_jax.training.recipe import DISENTANGLED, POSED, Recipe
from thf_jax.training.remat import recomputing
from thf_jax.training.state import TrainState, create_network, initialised, start

_NEEDS = {
    "detector": POSED,
    "estimator": ("depth_prior", "head_pose", "deformation_prior"),
    "avd": DISENTANGLED,
}
"""The part of a system without which terms have no meaning."""


def build_recipe(config: Config, steps: int) -> Recipe:
    """The recipe of this config for a run of so many steps.

    Raises:
        InputError: a loss asks for a part that the system, or this variant of it, does not have, or a setting is not
            among those that there are.
    """
    _check_step(config.train)
    module = build(config.system, config.model.to_dict())
    weights = dict(config.loss)
    judged = weights["adversarial"] != 0
    if not judged:
        weights["feature_matching"] = 0.0
    _check_losses(config.system, module, weights)
    if judged:
        _check_heatmaps(config.system, module, config.discriminator)
    motion, estimator = (getattr(module, part, None) for part in ("dense_motion", "estimator"))
    discriminator, optimizing = config.discriminator, config.optimizer
    jitter = dict(config.data.jitter)
    in_type, remembered = computing_in(config.train.precision), recomputing(config.train.remat)
    return Recipe(
        module=module,
        optimizer=optimizer(optimizing, steps, dict(optimizing.multipliers)),
        weights=weights,
        perceptual=VGG19(config.perceptual.taps) if weights["perceptual"] else None,
        scales=tuple(config.perceptual.scales),
        identity=FaceVGG() if weights["identity"] or weights["stranger"] else None,
        discriminator=build_discriminator(discriminator) if judged else None,
        discriminator_optimizer=optimizer(optimizing, steps) if judged else None,
        game=_game(discriminator.loss),
        condition_on_keypoints=discriminator.keypoints,
        detach_keypoints=discriminator.detach_keypoints,
        heatmap_variance=discriminator.heatmap_variance,
        heatmap_gain=discriminator.heatmap_gain,
        matching=tuple(discriminator.matching) * len(discriminator.scales) or None,
        sigma_affine=config.equivariance.sigma_affine,
        sigma_spline=config.equivariance.sigma_spline,
        spline_points=config.equivariance.points,
        align_corners=getattr(motion, "align_corners", True),
        rotation_order=getattr(estimator, "order", "pitch_yaw_roll"),
        pi=getattr(estimator, "pi", PUBLISHED_PI),
        axis_swap=getattr(motion, "axis_swap", False),
        pose_scale=config.avd.pose_scale,
        augment=functools.partial(jitter_pair, **jitter) if any(jitter.values()) else None,
        computed=lambda run: remembered(in_type(run)),
        accumulate=config.train.accumulate,
        average=config.train.average,
        skip_nonfinite=config.train.nonfinite == "skip",
    )


def _check_step(settings: Config) -> None:
    if not 0 <= settings.average < 1:
        raise InputError(
            f"train.average is a decay below 1, such as 0.999, or 0 for no average, not {settings.average}"
        )
    if settings.nonfinite not in POLICIES:
        raise InputError(f"train.nonfinite cannot be {settings.nonfinite!r}{nearest(settings.nonfinite, POLICIES)}")


def _check_losses(system: str, module: nn.Module, weights: dict[str, float]) -> None:
    for part, names in _NEEDS.items():
        asked = [name for name in names if weights[name]]
        if asked and getattr(module, part, None) is None:
            raise InputError(
                f"the loss {asked[0]} needs the part {part}, which this {system} does not have: set its weight to 0"
            )


def _check_heatmaps(system: str, module: nn.Module, settings: Config) -> None:
    in_plane = getattr(module, "detector", None) is not None and getattr(module, "estimator", None) is None
    if settings.keypoints and not in_plane:
        raise InputError(
            f"a discriminator sees heat-maps of keypoints in the plane, which {system} does not have: "
            "give --config.discriminator.keypoints=False"
        )


def _game(name: str) -> Game:
    if name not in GAMES:
        raise InputError(f"there is no adversarial loss named {name!r}{nearest(name, GAMES)}")
    return GAMES[name]


def build_discriminator(settings: Config) -> MultiScaleDiscriminator:
    """The discriminator of `config.discriminator`.

    Raises:
        InputError: another number of weights for feature matching than it has blocks.
    """
    if settings.matching and len(settings.matching) != settings.depth:
        raise InputError(
            f"discriminator.matching has {len(settings.matching)} weights for {settings.depth} blocks: give as many as "
            "discriminator.depth, or none"
        )
    return MultiScaleDiscriminator(
        tuple(settings.scales),
        settings.width,
        settings.depth,
        settings.most,
        settings.spectral_norm,
        settings.pool_last,
    )


def initial_state(config: Config, recipe: Recipe, key: jax.Array) -> TrainState:
    """The state before the first step, random by `key`."""
    animator_key, discriminator_key = jax.random.split(key)
    picture, averaged = jnp.zeros((1, config.size, config.size, 3)), recipe.average != 0
    animator = create_network(animator_key, recipe.module, recipe.optimizer, picture, picture)
    if recipe.discriminator is None or recipe.discriminator_optimizer is None:
        return start(animator, averaged=averaged)
    heatmaps = None
    if recipe.condition_on_keypoints:
        heatmaps = jnp.zeros((1, config.size, config.size, config.model.detector.count))
    return start(
        animator,
        create_network(discriminator_key, recipe.discriminator, recipe.discriminator_optimizer, picture, heatmaps),
        averaged=averaged,
    )


def frozen_variables(config: Config, recipe: Recipe) -> dict[str, Any]:
    """The variables of the losses' networks: from the path in the config, or random where it says `random` by name.

    Raises:
        InputError: neither a path nor `random`, or a file of another network.
    """
    known: dict[str, tuple[nn.Module | None, str, Callable[[Path], Any]]] = {
        "perceptual": (recipe.perceptual, "vgg19", load_vgg19),
        "identity": (recipe.identity, "vgg11", load_face_vgg),
    }
    return {
        name: _variables(name, network, config[name].weights, file, read)
        for name, (network, file, read) in known.items()
        if network is not None
    }


def _variables(name: str, network: nn.Module, weights: str, file: str, read: Callable[[Path], Any]) -> Any:
    if weights == "random":
        return initialised(network.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    if not weights:
        raise InputError(
            f"the {name} loss needs weights: give --config.{name}.weights the path of torchvision's {file} file, or "
            f"one laid out like it, or 'random' for random ones, or set --config.loss.{name}=0"
        )
    return read(Path(weights))
