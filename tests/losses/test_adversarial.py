"""Both sides of the adversarial losses against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers
from thf_jax.losses import adversarial

SCORES = [numbers(2, 3, 3, 1, seed=1), numbers(2, 5, 4, 1, seed=2)]
FAKES = [numbers(2, 3, 3, 1, seed=3), numbers(2, 5, 4, 1, seed=4)]


def test_the_least_squares_losses_sum_over_scales():
    reals, fakes = ([np.asarray(x, np.float64) for x in maps] for maps in (SCORES, FAKES))
    expected = sum(((1 - fake) ** 2).mean() for fake in fakes)
    assert adversarial.least_squares_generator(FAKES) == pytest.approx(expected, rel=1e-5)
    expected = sum(((1 - real) ** 2 + fake**2).mean() for real, fake in zip(reals, fakes, strict=True))
    assert adversarial.least_squares_discriminator(SCORES, FAKES) == pytest.approx(expected, rel=1e-5)


def test_the_hinge_losses_sum_over_scales():
    reals, fakes = ([np.asarray(x, np.float64) for x in maps] for maps in (SCORES, FAKES))
    assert adversarial.hinge_generator(FAKES) == pytest.approx(-sum(x.mean() for x in fakes), rel=1e-5)
    expected = sum(
        np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean() for real, fake in zip(reals, fakes, strict=True)
    )
    assert adversarial.hinge_discriminator(SCORES, FAKES) == pytest.approx(expected, rel=1e-5)


def test_the_hinge_ends_where_the_discriminator_is_sure():
    slope = jax.grad(lambda x: adversarial.hinge_discriminator([x], [-x]))(jnp.array([2.0, 0.5]).reshape(1, 2, 1, 1))
    np.testing.assert_allclose(slope.ravel(), [0, -1], atol=1e-6)


@pytest.mark.parametrize("name", adversarial.GAMES)
def test_a_loss_is_float32_where_scores_are_of_half(name):
    game = adversarial.GAMES[name]
    reals, fakes = ([x.astype(jnp.bfloat16) for x in maps] for maps in (SCORES, FAKES))
    for value in (game.generator(fakes), game.discriminator(reals, fakes)):
        assert value.dtype == jnp.float32 and value.shape == () and np.isfinite(value)


def test_lists_of_other_lengths_are_a_mistake():
    for game in adversarial.GAMES.values():
        with pytest.raises(ValueError, match="zip"):
            game.discriminator(SCORES, FAKES[:1])
