"""The differentiated part of one step: the networks' pass over a batch, and the losses of what they make of it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tests.training.samples import one_batch, tiny
from thf_jax.losses.objective import objective
from thf_jax.training.seen import look
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import as_floats, generator_terms


def passes(config, count=4):
    """The loss as a function of (params, state, frozen variables, images), and shapes that it can be traced with.

    Beside the loss it gives the terms by name, the statistics after the pass, and everything that was seen.
    """
    recipe = build_recipe(config, 10)

    def loss(params, state, frozen, images):
        keys = jax.random.split(jax.random.key(2), len(images["driving"]))
        seen, *statistics = look(recipe, state, params, images, keys)
        total, named = objective(recipe.weights, generator_terms(recipe, seen, frozen))
        return total, (named, statistics, seen)

    state = jax.eval_shape(lambda key: initial_state(config, recipe, key), jax.random.key(1))
    image = jax.ShapeDtypeStruct((count, config.size, config.size, 3), jnp.float32)
    pose = jax.ShapeDtypeStruct((count, 3), jnp.float32)
    images = {"source": image, "driving": image, "stranger": image, "pose": pose}
    frozen = jax.eval_shape(lambda: frozen_variables(config, recipe))
    return loss, (state.animator.params, state, frozen, images)


def kinds(tree):
    """Shape and type of every array."""
    return jax.tree.map(lambda leaf: (leaf.shape, np.dtype(leaf.dtype)), tree)


@functools.cache
def numbers(remat="none", precision="float32"):
    """Losses, statistics and gradients of one pass of a tiny FOMM, computed as these policies say."""
    small = {"model.detector.depth": 1, "model.dense_motion.depth": 1, "loss.perceptual": 0.0}
    losses = {"loss.reconstruction": 1.0, "loss.equivariance_jacobian": 0.0}
    config = tiny(**{"train.remat": remat, "train.precision": precision, **small, **losses})
    loss, _ = passes(config)

    # What the optimisations of the compiler's last stage would save in running is far less than what they take. And on
    # a CPU one pass would find what is recomputed, and keep it after all.
    options = {"xla_backend_optimization_level": "0", "xla_disable_hlo_passes": "cse_barrier_expander"}

    @functools.partial(jax.jit, compiler_options=options)
    def run(state, images):
        (_, (named, statistics, _)), gradients = jax.value_and_grad(loss, has_aux=True)(
            state.animator.params, state, {}, images
        )
        return {"losses": named, "statistics": statistics[0], "gradients": gradients}

    state = initial_state(config, build_recipe(config, 10), jax.random.key(1))
    return jax.device_get(run(state, as_floats(jax.tree.map(jnp.asarray, one_batch(4)))))
