"""Rematerialisation: the same numbers, computed with less kept."""

import functools

import jax
import numpy as np
import pytest

from configs.fomm import get_config
from tests.training.passes import numbers, passes
from tests.training.samples import tiny
from thf_jax.errors import InputError
from thf_jax.training.remat import RECOMPUTED
from thf_jax.training.setup import build_recipe

POLICIES = [
    pytest.param(name, marks=() if name == "within_parts" else pytest.mark.thorough)
    for name in RECOMPUTED
    if name != "none"
]
"""Each compiles a program of its own; the one that names what it keeps is the likeliest to break."""


@pytest.mark.parametrize("policy", POLICIES)
def test_losses_gradients_and_statistics_are_the_same(policy):
    ours, theirs = numbers(policy), numbers()
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(theirs["gradients"]))
    for name, expected in theirs.items():
        atol = 1e-6 * largest if name == "gradients" else 0
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6, atol=atol), ours[name], expected)


@functools.cache
def kept(policy, precision="float32"):
    """Bytes that FOMM's losses on 8 pictures of 128 pixels keep for their gradient, the pictures included."""
    config = get_config("debug")
    config.update_from_flattened_dict({"size": 128, "train.remat": policy, "train.precision": precision})
    loss, arguments = passes(config, count=8)

    def backward(params, *others):
        return jax.vjp(lambda params: loss(params, *others)[0], params)[1]

    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(backward, *arguments)))


def test_each_policy_keeps_less_than_the_one_before():
    amounts = [kept(policy) for policy in ("none", "between_convolutions", "within_parts", "everything")]
    assert amounts == sorted(amounts, reverse=True)
    assert len(set(amounts)) == len(amounts)


def test_convolutions_in_bfloat16_keep_half_of_their_results():
    beside = kept("everything")  # pictures, which every policy keeps as they are
    in_bfloat16, in_float32 = (
        kept("between_convolutions", precision) - beside for precision in ("bfloat16", "float32")
    )
    assert 0.5 < in_bfloat16 / in_float32 < 0.6


def test_an_unknown_policy_is_refused():
    with pytest.raises(InputError, match="no rematerialisation named 'within_part'; the nearest is 'within_parts'"):
        build_recipe(tiny(**{"train.remat": "within_part"}), 1)
