"""One training step, a pure function: model, losses and optimisers meet here and nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jaxtyping import Array, Float, PRNGKeyArray

from thf_jax.losses import terms
from thf_jax.losses.objective import objective
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.splines import Deformation, deform_image, random_deformation
from thf_jax.training.state import NetworkState, TrainState, apply_gradients
from thf_jax.types import Keypoints, Rendering

Augment = Callable[[PRNGKeyArray, dict[str, Array]], dict[str, Array]]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What stays fixed during a run: the modules, the optimisers, the loss weights.

    Attributes:
        weights: one number for each term of `generator_terms`.
        perceptual: the network of the perceptual loss; its variables are an argument of the step.
        scales: of the perceptual loss's image pyramid.
        discriminator: None trains without the adversarial terms.
        condition_on_keypoints: whether the discriminator also sees heat-maps of the driving keypoints.
        sigma_affine, sigma_spline, spline_points: of the random deformation of the equivariance losses.
        align_corners: how that deformation reads its grid.
        augment: (key, images in [0, 1]) -> the same; applied on the device.
    """

    module: nn.Module
    optimizer: optax.GradientTransformation
    weights: Mapping[str, float]
    perceptual: nn.Module | None = None
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    discriminator: nn.Module | None = None
    discriminator_optimizer: optax.GradientTransformation | None = None
    condition_on_keypoints: bool = False
    sigma_affine: float = 0.05
    sigma_spline: float = 0.005
    spline_points: int = 5
    align_corners: bool = True
    augment: Augment | None = None


class Judged(NamedTuple):
    """What the discriminator says of one batch of images."""

    scores: Float[Array, "b y x 1"]
    features: list[Array]


class Seen(NamedTuple):
    """Everything that the losses look at. `transformed`, `fake` and `real` are None where no term asks for them."""

    rendering: Rendering
    target: Float[Array, "b h w 3"]
    driving: Keypoints
    deformation: Deformation | None
    transformed: Keypoints | None
    fake: Judged | None
    real: Judged | None


def train_step(
    recipe: Recipe, state: TrainState, perceptual: Any, batch: Mapping[str, Array], key: PRNGKeyArray
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """The next state; every loss term by name (weighted), their sum as `loss`, and the gradient's norm.

    Pure: run it under `jax.jit` with a sharded batch. The networks' statistics are those of the global batch.

    Args:
        perceptual: variables of `recipe.perceptual`, or None.
        batch: `source` and `driving`, [b h w 3], uint8 or floating in [0, 1].
        key: of the run; the step's own randomness is `fold_in(key, state.step)`.
    """
    augment_key, deform_key = jax.random.split(jax.random.fold_in(key, state.step))
    images = as_floats(batch)
    if recipe.augment is not None:
        images = recipe.augment(augment_key, images)
    deformed = _deform(recipe, deform_key, images["driving"])

    def loss(params: Any) -> tuple[Array, Any]:
        seen, statistics, judge_statistics = _look(recipe, state, params, images, deformed)
        total, named = objective(recipe.weights, generator_terms(recipe, seen, perceptual))
        return total, (named, seen, statistics, judge_statistics)

    (total, (named, seen, statistics, judge_statistics)), gradients = jax.value_and_grad(loss, has_aux=True)(
        state.animator.params
    )
    animator = apply_gradients(state.animator, gradients, statistics, recipe.optimizer)
    discriminator = state.discriminator
    if discriminator is not None:
        discriminator = dataclasses.replace(discriminator, statistics=judge_statistics)
        discriminator, named["discriminator"] = _discriminator_step(recipe, discriminator, seen)
    measured = {"loss": total, **named, "gradient_norm": optax.tree.norm(gradients)}
    return TrainState(state.step + 1, animator, discriminator), measured


def generator_terms(recipe: Recipe, seen: Seen, perceptual: Any) -> dict[str, Callable[[], Float[Array, ""]]]:
    """The terms that train the networks other than the discriminator, each computed when it is called."""
    image, target, driving = seen.rendering.image, seen.target, seen.driving
    # What is None here belongs to terms whose weight is 0, which nobody calls.
    deformed: Any = (seen.deformation, seen.transformed)
    fake: Any = seen.fake
    real: Any = seen.real
    network: Any = recipe.perceptual

    def features(pictures: Array) -> Sequence[Array]:
        return network.apply(perceptual, pictures)

    return {
        "reconstruction": lambda: terms.reconstruction(image, target),
        "perceptual": lambda: terms.perceptual(features, image, target, scales=recipe.scales),
        "equivariance_position": lambda: terms.equivariance_position(driving, *deformed),
        "equivariance_jacobian": lambda: terms.equivariance_jacobian(driving, *deformed),
        "keypoint_prior": lambda: terms.keypoint_prior(driving),
        "adversarial": lambda: terms.adversarial_generator(fake.scores),
        "feature_matching": lambda: terms.feature_matching(real.features, fake.features),
    }


def as_floats(batch: Mapping[str, Array]) -> dict[str, Float[Array, "b h w c"]]:
    """Images in [0, 1]; uint8 is divided by 255."""
    return {name: x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x for name, x in batch.items()}


def _deform(recipe: Recipe, key: PRNGKeyArray, images: Array) -> tuple[Deformation, Array] | None:
    """A random deformation for each image and the image under it; None where no loss asks for it."""
    if not any(recipe.weights[name] for name in ("equivariance_position", "equivariance_jacobian")):
        return None

    def one(key: PRNGKeyArray, image: Array) -> tuple[Deformation, Array]:
        deformation = random_deformation(
            key, sigma_affine=recipe.sigma_affine, sigma_spline=recipe.sigma_spline, points=recipe.spline_points
        )
        return deformation, deform_image(deformation, image, align_corners=recipe.align_corners)

    return jax.vmap(one)(jax.random.split(key, images.shape[0]), images)


def _look(
    recipe: Recipe,
    state: TrainState,
    params: Any,
    images: Mapping[str, Array],
    deformed: tuple[Deformation, Array] | None,
) -> tuple[Seen, Any, Any]:
    """The networks in training mode on a batch, and the new statistics of the animator and of the discriminator."""

    def verbs(module: Any) -> tuple[Rendering, Keypoints, Keypoints | None]:
        encoded = module.encode(images["source"], train=True)
        driving = module.motion(images["driving"], train=True)
        rendering = module.render(encoded, driving, train=True)
        return rendering, driving, None if deformed is None else module.motion(deformed[1], train=True)

    network = state.animator
    variables = {"params": params, **network.statistics}
    run = nn.apply(verbs, recipe.module, mutable=list(network.statistics))
    (rendering, driving, transformed), statistics = run(variables)
    target, deformation = images["driving"], None if deformed is None else deformed[0]
    seen = Seen(rendering, target, driving, deformation, transformed, None, None)
    judge = state.discriminator
    if judge is None:
        return seen, statistics, None
    (fake, real), judge_statistics = _judge(recipe, judge, judge.params, driving, rendering.image, target)
    return seen._replace(fake=fake, real=real), statistics, judge_statistics


def _judge(
    recipe: Recipe, judge: NetworkState, params: Any, driving: Keypoints, *batches: Array
) -> tuple[list[Judged], Any]:
    """The discriminator on several batches of the same pose, one after the other, and its statistics after them.

    No gradient flows through the keypoints that it is shown.
    """
    heatmaps = None
    if recipe.condition_on_keypoints:
        shape = batches[0].shape[1:3]
        position = jax.lax.stop_gradient(driving.position)
        heatmaps = jax.vmap(lambda one: gaussian_heatmaps(one, shape, variance=0.01))(position)

    def all_batches(module: Any) -> list[Judged]:
        return [Judged(*module(images, heatmaps, train=True)) for images in batches]

    run = nn.apply(all_batches, recipe.discriminator, mutable=list(judge.statistics))  # pyright: ignore
    return run({"params": params, **judge.statistics})


def _discriminator_step(recipe: Recipe, judge: NetworkState, seen: Seen) -> tuple[NetworkState, Array]:
    """The discriminator after one step on the very images that the generator's loss saw, and its loss."""
    fake_images = jax.lax.stop_gradient(seen.rendering.image)

    def loss(params: Any) -> tuple[Array, Any]:
        (real, fake), statistics = _judge(recipe, judge, params, seen.driving, seen.target, fake_images)
        return terms.adversarial_discriminator(real.scores, fake.scores), statistics

    (value, statistics), gradients = jax.value_and_grad(loss, has_aux=True)(judge.params)
    return apply_gradients(judge, gradients, statistics, recipe.discriminator_optimizer), value  # pyright: ignore
