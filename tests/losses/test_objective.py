"""The weighted sum of the terms."""

import jax.numpy as jnp
import pytest

from thf_jax.errors import InputError
from thf_jax.losses.objective import objective


def unwanted():
    raise AssertionError("a term without weight was computed")


def test_the_sum_of_weighted_terms_and_each_by_name():
    total, named = objective(
        {"first": 2.0, "second": 0.5}, {"first": lambda: jnp.array(3.0), "second": lambda: jnp.array(4.0)}
    )
    assert total == 8
    assert named == {"first": 6, "second": 2}


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_term_of_weight_0_is_not_even_called(zero):
    total, named = objective({"first": 1.0, "second": zero}, {"first": lambda: jnp.array(3.0), "second": unwanted})
    assert total == 3
    assert set(named) == {"first"}


def test_a_term_is_called_once():
    calls = []

    def term():
        calls.append(1)
        return jnp.array(1.0)

    objective({"only": 3.0}, {"only": term})
    assert calls == [1]


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (
            {"perceptual": 1.0, "recontruction": 1.0},
            "named 'recontruction'; the nearest is 'reconstruction'",
        ),
        ({"perceptual": 1.0, "zzz": 0.0}, "no loss term named 'zzz'; choose one of perceptual, reconstruction"),
        ({"perceptual": 1.0}, "needs a weight for reconstruction"),
        ({}, "needs a weight for perceptual, reconstruction"),
        ({"perceptual": 0.0, "reconstruction": 0.0}, "every loss weight is 0"),
    ],
)
def test_wrong_weights_are_explained(weights, sentence):
    with pytest.raises(InputError, match=sentence):
        objective(weights, {"perceptual": unwanted, "reconstruction": unwanted})
