"""What the losses of one step look at: the networks in training mode on a batch, and only as far as a loss asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from flax import linen as nn
from jaxtyping import Array, Float, PRNGKeyArray

from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.splines import Deformation, deform_image, random_deformation
from thf_jax.training.recipe import DISENTANGLED, EQUIVARIANCE, RENDERED, Recipe
from thf_jax.training.state import NetworkState, TrainState
from thf_jax.types import Keypoints, Rendering


class Judged(NamedTuple):
    """What the discriminator says of one batch of images."""

    scores: Float[Array, "b y x 1"]
    features: list[Array]


class Seen(NamedTuple):
    """Everything that the losses look at. What no term asks for is None."""

    source: Float[Array, "b h w 3"]
    target: Float[Array, "b h w 3"]
    driving: Any
    rendering: Rendering | None = None
    deformation: Deformation | None = None
    transformed: Keypoints | None = None
    combined: Keypoints | None = None
    stranger: Rendering | None = None
    fake: Judged | None = None
    real: Judged | None = None


def look(
    recipe: Recipe, state: TrainState, params: Any, images: Mapping[str, Array], key: PRNGKeyArray
) -> tuple[Seen, Any, Any]:
    """The networks with these parameters on a batch, and the new statistics of the animator and of the discriminator.

    Args:
        images: `source` [b h w 3] or, several of one person, [b n h w 3]; `driving` [b h w 3]; where a term asks for it
            `stranger` [b h w 3], a frame of another person.
        key: of the random deformation or stretching.
    """
    deformed = _deform(recipe, key, images["driving"]) if recipe.asks_for(*EQUIVARIANCE) else None

    def passes(module: Any) -> Seen:
        source, target = images["source"], images["driving"]
        first = source[:, 0] if source.ndim == 5 else source
        if recipe.asks_for(*RENDERED, "stranger"):
            made = module(source, target, train=True)
            seen = Seen(first, target, made.motion, made.rendering)
            if recipe.asks_for("stranger"):
                stranger = module.motion(images["stranger"], train=True)
                seen = seen._replace(stranger=module.render(made.encoded, stranger, train=True))
        else:
            seen = Seen(first, target, module.motion(target, train=True))
        if recipe.asks_for(*DISENTANGLED):
            seen = seen._replace(combined=_disentangled(recipe, module, key, seen))
        if deformed is None:
            return seen
        return seen._replace(deformation=deformed[0], transformed=module.motion(deformed[1], train=True))

    network = state.animator
    run = nn.apply(passes, recipe.module, mutable=list(network.statistics))
    seen, statistics = run({"params": params, **network.statistics})
    if state.discriminator is None or seen.rendering is None:
        return seen, statistics, None
    driving = jax.lax.stop_gradient(seen.driving) if recipe.detach_keypoints else seen.driving
    (fake, real), judge_statistics = judge(
        recipe, state.discriminator, state.discriminator.params, driving, seen.rendering.image, seen.target
    )
    return seen._replace(fake=fake, real=real), statistics, judge_statistics


def _deform(recipe: Recipe, key: PRNGKeyArray, images: Array) -> tuple[Deformation, Array]:
    """A random deformation for each image, and the image under it."""

    def one(key: PRNGKeyArray, image: Array) -> tuple[Deformation, Array]:
        deformation = random_deformation(
            key, sigma_affine=recipe.sigma_affine, sigma_spline=recipe.sigma_spline, points=recipe.spline_points
        )
        return deformation, deform_image(deformation, image, align_corners=recipe.align_corners)

    return jax.vmap(one)(jax.random.split(key, images.shape[0]), images)


def _disentangled(recipe: Recipe, module: Any, key: PRNGKeyArray, seen: Seen) -> Keypoints:
    """The source person's regions in the driving pose, this stretched at random; regions themselves stay untrained."""
    identity = jax.lax.stop_gradient(module.motion(seen.source, train=True))
    pose = jax.lax.stop_gradient(seen.driving)
    low, high = 1 - recipe.pose_scale, 1 + recipe.pose_scale
    stretch = jax.random.uniform(key, (pose.position.shape[0], 1, 2), pose.position.dtype, low, high)
    return module.combine(identity, pose.stretched(stretch), train=True)


def judge(
    recipe: Recipe, network: NetworkState, params: Any, driving: Any, *batches: Array
) -> tuple[list[Judged], Any]:
    """The discriminator on several batches of the same pose, one after the other, and its statistics after them."""
    heatmaps = None
    if recipe.condition_on_keypoints:
        shape = batches[0].shape[1:3]
        heatmaps = recipe.heatmap_gain * jax.vmap(
            lambda one: gaussian_heatmaps(
                one.position, shape, variance=recipe.heatmap_variance, covariance=one.covariance
            )
        )(driving)

    def all_batches(module: Any) -> list[Judged]:
        return [Judged(*module(images, heatmaps, train=True)) for images in batches]

    run = nn.apply(all_batches, recipe.discriminator, mutable=list(network.statistics))  # pyright: ignore
    return run({"params": params, **network.statistics})
