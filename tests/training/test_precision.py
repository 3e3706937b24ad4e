"""Networks that multiply in bfloat16: what is bfloat16 then, what stays float32, and that the losses agree."""

import functools
import importlib

import jax
import jax.numpy as jnp
import pytest
from jax.flatten_util import ravel_pytree

from tests.training.passes import kinds, numbers, passes
from tests.training.samples import ADVERSARIAL, tiny
from thf_jax.errors import InputError
from thf_jax.training.setup import build_recipe

SYSTEMS = {
    "fomm": ("debug", ADVERSARIAL),
    "monkey_net": ("debug", {}),
    "mraa": ("debug+avd", {"loss.reconstruction": 1.0}),
    "face_vid2vid": ("debug", {}),
    "x2face": ("debug+identity", {}),
}


@functools.cache
def traced(system):
    """The program of a step's loss in bfloat16, of FOMM's gradient as well, what it gives, and the state before it."""
    variant, changes = SYSTEMS[system]
    config = importlib.import_module(f"configs.{system}").get_config(variant)
    config.update_from_flattened_dict({"train.precision": "bfloat16", **changes})
    loss, arguments = passes(config)
    program = jax.value_and_grad(loss, has_aux=True) if system == "fomm" else lambda *x: (loss(*x), None)
    # No sum or product of two types may be left to promotion.
    with jax.numpy_dtype_promotion("strict"):
        traced, given = jax.make_jaxpr(program, return_shape=True)(*arguments)
    return traced.jaxpr, given, arguments[1]


def equations(jaxpr):
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr")):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                yield from equations(getattr(inner, "jaxpr", inner))


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_convolutions_there_and_back_are_of_bfloat16(system):
    jaxpr, _, _ = traced(system)
    types = [
        {operand.aval.dtype for operand in equation.invars}
        for equation in equations(jaxpr)
        if equation.primitive is jax.lax.conv_general_dilated_p
    ]
    assert len(types) > 10
    assert all(found == {jnp.dtype(jnp.bfloat16)} for found in types)


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_but_features_stays_float32(system):
    _, ((total, (named, statistics, seen)), gradients), state = traced(system)
    judged = seen.fake is not None
    unseen = seen._replace(fake=None, real=None)
    scores = [seen.fake.scores, seen.real.scores] if judged else []
    for leaf in jax.tree.leaves((total, named, unseen, scores)):
        assert leaf.dtype == jnp.float32
    assert gradients is None or kinds(gradients) == kinds(state.animator.params)
    assert kinds(statistics[0]) == kinds(state.animator.statistics)
    assert not judged or kinds(statistics[1]) == kinds(state.discriminator.statistics)
    assert not judged or all(leaf.dtype == jnp.bfloat16 for leaf in seen.fake.features)


def test_losses_and_gradients_agree_with_those_of_float32():
    exact, rounded = numbers(), numbers(precision="bfloat16")
    for name, expected in exact["losses"].items():
        assert rounded["losses"][name] == pytest.approx(expected, rel=0.03), name
        assert rounded["losses"][name] != expected
    for part, expected in exact["gradients"].items():
        ours, theirs = (ravel_pytree(tree)[0] for tree in (rounded["gradients"][part], expected))
        cosine = ours @ theirs / (jnp.linalg.norm(ours) * jnp.linalg.norm(theirs))
        assert cosine > 0.95, part
    assert kinds(rounded) == kinds(exact)


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="do not compute in 'bfloat6'; the nearest is 'bfloat16'"):
        build_recipe(tiny(**{"train.precision": "bfloat6"}), 1)
