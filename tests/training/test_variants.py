"""Every variant and ablation gives a step that can be taken: traced at a small size, nothing computed."""

import jax
import jax.numpy as jnp
import pytest

from configs.fomm import ablations, get_config, variants
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import train_step

NAMES = [*(f"{name}+debug" for name in variants()), *(f"debug+{name}" for name in ablations())]


@pytest.mark.parametrize("name", [*NAMES, "debug+adversarial+keypoints_20", "debug+adversarial+zeroth_order"])
def test_a_step_of_every_variant(name):
    config = get_config(name)
    recipe = build_recipe(config, 10)

    def first_step(images):
        state = initial_state(config, recipe, jax.random.key(0))
        frozen = frozen_variables(config, recipe)
        after, metrics = train_step(recipe, state, frozen, images, jax.random.key(1))
        return jax.tree.leaves(state), jax.tree.leaves(after), metrics

    image = jax.ShapeDtypeStruct((2, config.size, config.size, 3), jnp.uint8)
    before, after, metrics = jax.eval_shape(first_step, {"source": image, "driving": image})
    assert [(x.shape, x.dtype) for x in after] == [(x.shape, x.dtype) for x in before]
    wanted = {term for term, weight in recipe.weights.items() if weight}
    assert set(metrics) == wanted | {"loss", "gradient_norm"} | ({"discriminator"} if "adversarial" in name else set())
    assert all(value.shape == () and value.dtype == jnp.float32 for value in metrics.values())
