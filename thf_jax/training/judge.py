"""What the discriminator says of the pictures of one step."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import jax
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.training.recipe import Recipe
from thf_jax.training.state import NetworkState


class Judged(NamedTuple):
    """What the discriminator says of one batch of images."""

    scores: list[Float[Array, "b _y _x 1"]]
    """A map for each of its scales."""
    features: list[Array]
    """After each of its blocks, scale by scale."""


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
        return [_judged(module(images, heatmaps, train=True)) for images in batches]

    run = nn.apply(all_batches, recipe.discriminator, mutable=list(network.statistics))  # pyright: ignore
    return recipe.computed(run)({"params": params, **network.statistics})


def _judged(scales: list[tuple[Array, list[Array]]]) -> Judged:
    scores, features = zip(*scales, strict=True)
    return Judged(list(scores), list(itertools.chain.from_iterable(features)))
