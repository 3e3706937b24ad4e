"""The smallest model that the step can train: it blends the source with the driving frame's colour, per channel."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from configs.base import base
from thf_jax.nn.discriminator import MultiScaleDiscriminator
from thf_jax.nn.layers import BatchNorm
from thf_jax.training.recipe import Recipe
from thf_jax.training.state import create_network, start
from thf_jax.training.step import train_step
from thf_jax.types import Reconstruction, Rendering

SIZE = 8


class Blend(nn.Module):
    normalized: bool = False

    @nn.compact
    def __call__(self, source, driving, *, train=False):
        weights = self.param("weights", nn.initializers.constant(0.3), (2, 3))
        image = weights[0] * source + weights[1] * driving.mean((1, 2), keepdims=True)
        if self.normalized:
            image = BatchNorm(name="norm")(image, train=train)
        return Reconstruction(None, driving, Rendering(image=image, warp=None))


def recipe(**changes):
    """The reconstruction term alone, followed down its slope; changes as fields of the recipe."""
    settings = {"module": Blend(), "optimizer": optax.sgd(0.1), "weights": {"reconstruction": 1.0}, **changes}
    settings["weights"] = {**dict.fromkeys(base("fomm").loss, 0.0), **settings["weights"]}
    return Recipe(**settings)


def judged(**changes):
    """The same with a discriminator."""
    return recipe(
        weights={"reconstruction": 1.0, "adversarial": 1.0, "feature_matching": 1.0},
        discriminator=MultiScaleDiscriminator(width=2, depth=1),
        discriminator_optimizer=optax.sgd(0.1),
        **changes,
    )


def beginning(recipe):
    """The state before the first step."""
    picture = jnp.zeros((1, SIZE, SIZE, 3))
    networks = [create_network(jax.random.key(0), recipe.module, recipe.optimizer, picture, picture)]
    if recipe.discriminator is not None:
        networks.append(
            create_network(jax.random.key(1), recipe.discriminator, recipe.discriminator_optimizer, picture)
        )
    return start(*networks, averaged=recipe.average != 0)


def pictures(count=8, seed=0):
    """A batch of noise."""
    rng = np.random.default_rng(seed)
    return {name: rng.random((count, SIZE, SIZE, 3), dtype=np.float32) for name in ("source", "driving")}


def steps(recipe, batches):
    """The state and the metrics after each of these batches."""
    step = jax.jit(functools.partial(train_step, recipe))
    state, found = beginning(recipe), []
    for batch in batches:
        state, metrics = step(state, {}, batch, jax.random.key(2))
        found.append((state, {name: float(value) for name, value in metrics.items()}))
    return found
