"""The two sides of an adversarial game: least squares (Mao et al. 2017) and the hinge (Lim and Ye 2017).

A discriminator gives a map of scores for each scale of a picture. A loss is the mean over each map, summed over the
scales.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, ""]
Scores = Sequence[Float[Array, "b _y _x 1"]]


class Game(NamedTuple):
    """What either side minimises."""

    generator: Callable[[Scores], Scalar]
    """Of the scores of fakes."""
    discriminator: Callable[[Scores, Scores], Scalar]
    """Of the scores of real pictures and of fakes."""


def least_squares_generator(fakes: Scores) -> Scalar:
    """(1 - D(fake))^2."""
    return _sum(_mean(jnp.square(1 - fake)) for fake in fakes)


def least_squares_discriminator(reals: Scores, fakes: Scores) -> Scalar:
    """(1 - D(real))^2 + D(fake)^2."""
    pairs = zip(reals, fakes, strict=True)
    return _sum(_mean(jnp.square(1 - real) + jnp.square(fake)) for real, fake in pairs)


def hinge_generator(fakes: Scores) -> Scalar:
    """-D(fake)."""
    return _sum(-_mean(fake) for fake in fakes)


def hinge_discriminator(reals: Scores, fakes: Scores) -> Scalar:
    """max(0, 1 - D(real)) + max(0, 1 + D(fake))."""
    pairs = zip(reals, fakes, strict=True)
    return _sum(_mean(jnp.maximum(0, 1 - real)) + _mean(jnp.maximum(0, 1 + fake)) for real, fake in pairs)


GAMES = {
    "least_squares": Game(least_squares_generator, least_squares_discriminator),
    "hinge": Game(hinge_generator, hinge_discriminator),
}


def _mean(values: Array) -> Array:
    return values.astype(jnp.float32).mean()


def _sum(values: Iterable[Array]) -> Array:
    return sum(values, start=jnp.zeros((), jnp.float32))
