"""Runs that begin with networks trained before: which parts are taken, and which stay random."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import drawn
from tests.interop.samples import FIXTURES, LAYOUTS, expected_tensors
from tests.training.quick import quick, quick_steps  # noqa: F401
from tests.training.samples import ADVERSARIAL, MemoryDataset, assert_equal
from thf_jax.errors import InputError
from thf_jax.interop.model_directory import save_model
from thf_jax.interop.shapes import variable_shapes
from thf_jax.models.animator import Animator
from thf_jax.training import trained_networks
from thf_jax.training.loop import train
from thf_jax.training.setup import build_discriminator
from thf_jax.training.state import NetworkState, start
from thf_jax.training.warm_start import warm_start

PARTS = ("detector", "dense_motion", "generator")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model directory, and its animator."""
    config = quick()
    animator = Animator("fomm", config.size, config.model.to_dict(), networks(config, seed=1))
    return str(save_model(tmp_path_factory.mktemp("models") / "first", animator, "A card.")), animator


def networks(config, seed):
    return drawn(variable_shapes(config.system, config.model.to_dict(), config.size), seed)


def state_of(config):
    """A state with the animator's networks of this configuration alone, random by NumPy."""
    variables = networks(config, seed=2)
    return start(NetworkState(variables.pop("params"), variables, ()))


def taken(state, variables):
    """The parts whose params and statistics are those of these variables."""
    same = jax.tree.map(np.array_equal, state.animator.variables, dict(variables))
    return {part for part in PARTS if all(jax.tree.leaves([kind[part] for kind in same.values() if part in kind]))}


def test_a_model_is_taken_whole_or_in_parts(model):
    directory, animator = model
    config = quick(**{"train.start_from": directory})
    before = state_of(config)
    after, said = warm_start(config, before)
    assert said == f"taken from {directory}: dense_motion, detector, generator"
    assert taken(after, animator.variables) == set(PARTS)
    config.train.start_parts = ("detector",)
    after, said = warm_start(config, before)
    rest = "dense_motion, generator"
    assert said == f"taken from {directory}: detector; random: {rest}; left there: {rest}"
    assert taken(after, animator.variables) == {"detector"}
    assert taken(after, before.animator.variables) == {"dense_motion", "generator"}
    assert warm_start(quick(), before) == (before, "")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"train.start_parts": ("detectr",)},
            "this fomm has no part 'detectr' for train.start_parts; the nearest is 'd",
        ),
        (
            {"model.detector.count": 2},
            r"in the dense_motion, .*/kernel has the shape \(.*\) there and \(.*\) here; .*train.start_parts",
        ),
        ({"train.start_from": "", "train.start_parts": ("detector",)}, "train.start_parts goes with a model to start"),
        ({"train.start_discriminator": "vox-adv-cpk.pth.tar"}, "train.start_discriminator needs an adversarial loss"),
        (
            {"train.start_parts": ("discriminator",)},
            "this fomm has no part 'discriminator' for train.start_parts; choose one of dense_motion, detector",
        ),
    ],
)
def test_what_cannot_be_taken_is_one_sentence(model, changes, sentence):
    config = quick(**{"train.start_from": model[0], **changes})
    with pytest.raises(InputError, match=sentence):
        warm_start(config, state_of(config))


def test_a_part_that_differs_can_be_left_out(model):
    config = quick(**{"train.start_from": model[0], "model.generator.width": 8, "train.start_parts": PARTS[:2]})
    assert taken(warm_start(config, state_of(config))[0], {**model[1].variables}) == set(PARTS[:2])


def test_the_discriminator_of_another_run_is_taken_too(model, tmp_path, quick_steps, monkeypatch):  # noqa: F811
    """Of the checkpoint that is asked for, like the animator's networks."""
    judging = {**ADVERSARIAL, "train.steps": 2, "train.save_every": 1}
    first = train(quick(**judging), tmp_path, MemoryDataset(), devices=jax.devices()[:1])
    monkeypatch.setattr(trained_networks, "restore_animator", lambda *_: model[1])
    for which, equal in (("", True), ("@1", False)):
        config = quick(**ADVERSARIAL, **{"train.start_from": f"{tmp_path}{which}"})
        judge = NetworkState(jax.tree.map(jnp.zeros_like, first.discriminator.params), {"batch_stats": {}}, ())
        after, said = warm_start(config, start(state_of(quick()).animator, judge))
        assert said.endswith("dense_motion, detector, generator, discriminator")
        same = jax.tree.map(np.array_equal, after.discriminator.params, first.discriminator.params)
        assert set(jax.tree.leaves(same)) == {equal}


def test_the_discriminator_of_a_published_checkpoint_is_taken(model):
    """The fixture's is 6 wide and has spectral norm; it sees pictures alone."""
    config = quick(**ADVERSARIAL, **{"discriminator.keypoints": False, "train.start_from": model[0]})
    tensors = expected_tensors()["discriminator"]
    wanted = tensors["discs.1.down_blocks.1.conv.weight_orig"][1].transpose(2, 3, 1, 0)
    depth = len({name.split(".")[3] for name in tensors if "down_blocks" in name})
    width = tensors["discs.1.down_blocks.0.conv.weight_orig"][1].shape[0] // 2
    most = max(values.shape[0] for _, values in tensors.values() if values.ndim == 4)
    config.discriminator.update({"depth": depth, "width": width, "most": most})
    config.train.start_discriminator = str(FIXTURES / LAYOUTS[0])
    state = state_of(quick())
    shapes = jax.eval_shape(
        lambda x: build_discriminator(config.discriminator).init(jax.random.key(0), x, train=False),
        jnp.zeros((1, 64, 64, 3)),
    )
    judge = drawn(shapes, seed=3)
    state = start(state.animator, NetworkState(judge.pop("params"), judge, ()))
    after, said = warm_start(config, state)
    assert said.endswith("generator, discriminator")
    np.testing.assert_array_equal(after.discriminator.params["scale0"]["conv1"]["kernel"], wanted)
    assert_equal(after.animator.params, model[1].variables["params"])
    config.discriminator.scales = (1.0, 0.5)
    with pytest.raises(InputError, match=r"one scale 1, not \(1.0, 0.5\)"):
        warm_start(config, state)
