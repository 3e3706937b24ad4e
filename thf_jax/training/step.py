"""One training step, a pure function: model, losses and optimisers meet here and nowhere else."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from thf_jax.losses import head_terms, terms
from thf_jax.losses.objective import objective
from thf_jax.nn.named_axis import batch_norm_over
from thf_jax.training.accumulate import Slopes, accumulate
from thf_jax.training.average import moved_average
from thf_jax.training.draws import example_keys
from thf_jax.training.judge import judge
from thf_jax.training.nonfinite import skip_nonfinite
from thf_jax.training.parallel import AnyMesh, replicated
from thf_jax.training.recipe import Recipe
from thf_jax.training.seen import Seen, look
from thf_jax.training.state import NetworkState, TrainState, apply_gradients


def train_step(
    recipe: Recipe, state: TrainState, frozen: Any, batch: Mapping[str, Array], key: PRNGKeyArray
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """The next state; every loss term by name (weighted), their sum as `loss`, and the gradient's norm before clipping.

    Pure. Under `jax.jit` with a sharded batch, losses, gradients and the networks' statistics are those of the global
    batch. Under `jax.pmap`, or `jax.shard_map` with `check_vma=False` (with True, JAX adds the devices' gradients up
    by itself), name their axis in `recipe.axis_name` and give each device the whole state and key and its part of the
    batch, in the order of the devices: gradients, statistics and metrics are then means over the axis, and state and
    metrics come out equal on all of them. (Head poses, which not every frame has, are averaged device by device.)

    Args:
        frozen: variables of the networks of the losses, `{"perceptual": ..., "identity": ...}`; those that no loss asks
            for are left out.
        batch: see `seen.look`; images are uint8 or floating in [0, 1].
        key: of the run; the step's own randomness is `fold_in(key, state.step)`.
    """
    augment_key, look_key = jax.random.split(jax.random.fold_in(key, state.step))
    images = as_floats(batch)
    keys = functools.partial(example_keys, count=len(images["driving"]), axis_name=recipe.axis_name)
    if recipe.augment is not None:
        pictures = {name: image for name, image in images.items() if name != "pose"}
        images |= jax.vmap(recipe.augment)(keys(augment_key), pictures)
    with batch_norm_over(recipe.axis_name):
        slopes = functools.partial(_slopes, recipe, frozen)
        found = accumulate(slopes, state, (images, keys(look_key)), recipe.accumulate)
    if recipe.axis_name is not None:
        gradients, metrics = jax.lax.pmean((found.gradients, found.metrics), recipe.axis_name)
        found = found._replace(gradients=gradients, metrics=metrics)
    metrics = {**found.metrics, "gradient_norm": optax.tree.norm(found.gradients[0])}
    if found.gradients[1] is not None:
        metrics["discriminator_gradient_norm"] = optax.tree.norm(found.gradients[1])
    after = _optimized(recipe, state, found)
    if recipe.skip_nonfinite:
        after, metrics["skipped"] = skip_nonfinite(state, after, (found.gradients, metrics))
    return after, metrics


def _slopes(recipe: Recipe, frozen: Any, state: TrainState, examples: tuple[Mapping[str, Array], Array]) -> Slopes:
    """The losses of both sides on images in [0, 1], each with its key, and their gradients."""

    def loss(params: Any) -> tuple[Array, Any]:
        seen, *statistics = look(recipe, state, params, *examples)
        total, named = objective(recipe.weights, generator_terms(recipe, seen, frozen))
        return total, (named, seen, statistics)

    (total, (named, seen, (statistics, judge_statistics))), gradients = jax.value_and_grad(loss, has_aux=True)(
        state.animator.params
    )
    metrics = {"loss": total, **named}
    if state.discriminator is None:
        return Slopes((gradients, None), (statistics, None), metrics)
    discriminator = dataclasses.replace(state.discriminator, statistics=judge_statistics)
    metrics["discriminator"], judge_gradients, judge_statistics = _judge_slopes(recipe, discriminator, seen)
    return Slopes((gradients, judge_gradients), (statistics, judge_statistics), metrics)


def _judge_slopes(recipe: Recipe, network: NetworkState, seen: Seen) -> tuple[Array, Any, Any]:
    """The discriminator's loss on the very images that the generator's loss saw, its gradient and new statistics."""
    made: Any = seen.rendering
    fake_images, driving = jax.lax.stop_gradient((made.image, seen.driving))

    def loss(params: Any) -> tuple[Array, Any]:
        (real, fake), statistics = judge(recipe, network, params, driving, seen.target, fake_images)
        return recipe.game.discriminator(real.scores, fake.scores), statistics

    (value, statistics), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
    return value, gradients, statistics


def _optimized(recipe: Recipe, state: TrainState, found: Slopes) -> TrainState:
    """The state after one step of each optimiser along these slopes."""
    animator = apply_gradients(state.animator, found.gradients[0], found.statistics[0], recipe.optimizer)
    discriminator, optimizer = state.discriminator, recipe.discriminator_optimizer
    if discriminator is not None and optimizer is not None:
        discriminator = apply_gradients(discriminator, found.gradients[1], found.statistics[1], optimizer)
    average = state.average
    if average is not None:
        average = moved_average(average, animator.params, state.step, recipe.average)
    return TrainState(state.step + 1, animator, discriminator, average)


def generator_terms(recipe: Recipe, seen: Seen, frozen: Any) -> dict[str, Callable[[], Float[Array, ""]]]:
    """The terms that train the networks other than the discriminator, each computed when it is called."""
    target, driving = seen.target, seen.driving
    found = jax.lax.stop_gradient(driving)  # what AVD is to find must not come towards it
    # What is None here belongs to terms whose weight is 0, which nobody calls.
    made: Any = seen.rendering
    keypoints: Any = seen.keypoints
    degrees: Any = seen.degrees
    stranger: Any = seen.stranger
    combined: Any = seen.combined
    deformed: Any = (seen.deformation, seen.transformed)
    fake: Any = seen.fake
    real: Any = seen.real

    def features(name: str) -> Callable[[Array], Any]:
        network: Any = getattr(recipe, name)
        run = recipe.computed(network.apply)
        return lambda pictures: run(frozen[name], pictures)

    def content(image: Array, wanted: Array) -> Float[Array, ""]:
        return terms.perceptual(features("identity"), image, wanted, scales=(1.0,))

    return {
        "reconstruction": lambda: terms.reconstruction(made.image, target),
        "perceptual": lambda: terms.perceptual(features("perceptual"), made.image, target, scales=recipe.scales),
        "identity": lambda: content(made.image, target),
        "stranger": lambda: content(stranger.image, seen.source),
        "equivariance_position": lambda: terms.equivariance_position(keypoints, *deformed),
        "equivariance_jacobian": lambda: terms.equivariance_jacobian(keypoints, *deformed, axis_swap=recipe.axis_swap),
        "keypoint_prior": lambda: terms.keypoint_prior(keypoints),
        "depth_prior": lambda: head_terms.depth_prior(keypoints),
        "head_pose": lambda: head_terms.head_pose(driving, degrees, order=recipe.rotation_order, pi=recipe.pi),
        "deformation_prior": lambda: head_terms.deformation_prior(driving),
        "avd_position": lambda: terms.reconstruction(combined.position, found.position),
        "avd_jacobian": lambda: terms.reconstruction(combined.jacobian, found.jacobian),
        "adversarial": lambda: recipe.game.generator(fake.scores),
        "feature_matching": lambda: terms.feature_matching(real.features, fake.features, weights=recipe.matching),
    }


def parallel_step(recipe: Recipe, layout: Any, mesh: AnyMesh) -> Any:
    """`train_step` of this recipe, jitted for a mesh. It takes the memory of the state that it is given.

    Args:
        layout: the sharding of each array of the state.
    """
    step = functools.partial(train_step, recipe)
    return jax.jit(step, donate_argnums=0, out_shardings=(layout, replicated(mesh)))


def as_floats(batch: Mapping[str, Array]) -> dict[str, Array]:
    """Images in [0, 1]; uint8 is divided by 255."""
    return {name: x.astype(jnp.float32) / 255 if x.dtype == jnp.uint8 else x for name, x in batch.items()}
