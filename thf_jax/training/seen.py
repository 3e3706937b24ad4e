"""What the losses of one step look at: the networks in training mode on a batch, and only as far as a loss asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from flax import linen as nn
from jaxtyping import Array, Float, Key, PRNGKeyArray

from thf_jax.ops.splines import Deformation, deform_image, random_deformation
from thf_jax.training.judge import Judged, judge
from thf_jax.training.recipe import DISENTANGLED, EQUIVARIANCE, POSED, RENDERED, Recipe
from thf_jax.training.state import TrainState
from thf_jax.types import Keypoints, Rendering


class Seen(NamedTuple):
    """Everything that the losses look at. What no term asks for is None."""

    source: Float[Array, "b h w 3"]
    target: Float[Array, "b h w 3"]
    driving: Any
    degrees: Float[Array, "b 3"] | None = None
    rendering: Rendering | None = None
    keypoints: Keypoints | None = None
    deformation: Deformation | None = None
    transformed: Keypoints | None = None
    combined: Keypoints | None = None
    stranger: Rendering | None = None
    fake: Judged | None = None
    real: Judged | None = None


def look(
    recipe: Recipe, state: TrainState, params: Any, images: Mapping[str, Array], keys: Key[Array, " b"]
) -> tuple[Seen, Any, Any]:
    """The networks with these parameters on a batch, and the new statistics of the animator and of the discriminator.

    Args:
        images: `source` [b h w 3] or, several of one person, [b n h w 3]; `driving` [b h w 3]; where a term asks for it
            `stranger` [b h w 3], a frame of another person, and `pose` [b 3], how the head of the driving frame is
            turned: yaw, pitch and roll in degrees.
        keys: one an example, of its random deformation or stretching.
    """
    deformed = _deform(recipe, keys, images["driving"]) if recipe.asks_for(*EQUIVARIANCE) else None

    def passes(module: Any) -> Seen:
        seen = _first_look(recipe, module, images, deformed)
        if recipe.asks_for(*DISENTANGLED):
            seen = seen._replace(combined=_disentangled(recipe, module, keys, seen))
        return seen

    network = state.animator
    run = recipe.computed(nn.apply(passes, recipe.module, mutable=list(network.statistics)))
    seen, statistics = run({"params": params, **network.statistics})
    if state.discriminator is None or seen.rendering is None:
        return seen, statistics, None
    driving = jax.lax.stop_gradient(seen.driving) if recipe.detach_keypoints else seen.driving
    (fake, real), judge_statistics = judge(
        recipe, state.discriminator, state.discriminator.params, driving, seen.rendering.image, seen.target
    )
    return seen._replace(fake=fake, real=real), statistics, judge_statistics


def _first_look(
    recipe: Recipe, module: Any, images: Mapping[str, Array], deformed: tuple[Deformation, Array] | None
) -> Seen:
    """The frames, what moves in them, and the source in the pose of the driving frame."""
    source, target = images["source"], images["driving"]
    seen = Seen(source[:, 0] if source.ndim == 5 else source, target, None, images.get("pose"))
    if not recipe.asks_for(*RENDERED, "stranger", *POSED):
        return seen._replace(driving=module.motion(target, train=True))
    made = module(source, target, train=True)
    seen = seen._replace(driving=made.motion, rendering=made.rendering)
    if recipe.asks_for("stranger"):
        stranger = module.motion(images["stranger"], train=True)
        seen = seen._replace(stranger=module.render(made.encoded, stranger, train=True))
    if recipe.asks_for(*POSED):
        seen = seen._replace(keypoints=made.motion.posed(made.encoded))
    if deformed is not None:
        deformation, image = deformed
        transformed = module.motion(image, train=True).posed(made.encoded)
        seen = seen._replace(deformation=deformation, transformed=transformed)
    return seen


def _deform(recipe: Recipe, keys: Key[Array, " b"], images: Array) -> tuple[Deformation, Array]:
    """A random deformation for each image, and the image under it."""

    def one(key: PRNGKeyArray, image: Array) -> tuple[Deformation, Array]:
        deformation = random_deformation(
            key, sigma_affine=recipe.sigma_affine, sigma_spline=recipe.sigma_spline, points=recipe.spline_points
        )
        return deformation, deform_image(deformation, image, align_corners=recipe.align_corners)

    return jax.vmap(one)(keys, images)


def _disentangled(recipe: Recipe, module: Any, keys: Key[Array, " b"], seen: Seen) -> Keypoints:
    """The source person's regions in the driving pose, this stretched at random; regions themselves stay untrained."""
    identity = jax.lax.stop_gradient(module.motion(seen.source, train=True))
    pose = jax.lax.stop_gradient(seen.driving)
    low, high = 1 - recipe.pose_scale, 1 + recipe.pose_scale
    stretch = jax.vmap(lambda key: jax.random.uniform(key, (1, 2), pose.position.dtype, low, high))(keys)
    return module.combine(identity, pose.stretched(stretch), train=True)
