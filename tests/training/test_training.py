"""The step and the loop on tiny networks: what is trained by what, and what a run leaves."""

import dataclasses

import jax
import numpy as np
import pytest

from configs.fomm import get_config
from tests.training.samples import ADVERSARIAL, MemoryDataset, assert_equal, run_steps, tiny
from thf_jax.errors import InputError
from thf_jax.training import checkpoints
from thf_jax.training.loop import total_steps, train
from thf_jax.training.optimizers import learning_rate
from thf_jax.training.progress import NonFiniteLossError, check_finite


def test_the_discriminator_learns_and_its_loss_reaches_no_other_network():
    config = tiny(**ADVERSARIAL, **{"optimizer.multipliers.detector": 0.0})
    before, _ = run_steps(config, 0, jax.devices()[:1])
    after, history = run_steps(config, 1, jax.devices()[:1])
    assert "discriminator" in history[0]
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), before.discriminator.params, after.discriminator.params)
    assert all(jax.tree.leaves(changed))
    assert_equal(before.animator.params["detector"], after.animator.params["detector"])  # its learning rate is 0
    vectors = (jax.tree.leaves(state.discriminator.statistics) for state in (before, after))
    moved = [bool((a != b).any()) for a, b in zip(*vectors, strict=True) if a.size > 1]  # one number is always 1
    assert moved and all(moved)


def test_training_lowers_the_loss(tmp_path):
    config = tiny(
        **{"train.steps": 40, "train.save_every": 40, "optimizer.decay_at": (), "optimizer.learning_rate": 2e-3}
    )
    dataset = MemoryDataset()
    pair = {
        "source": np.stack([dataset.frame(clip.start) for clip in dataset.clips] * 4),
        "driving": np.stack([dataset.frame(clip.start + 3) for clip in dataset.clips] * 4),
    }
    copying = 10 * np.abs(pair["source"] / 255.0 - pair["driving"] / 255.0).mean()
    _, history = run_steps(config, 40, jax.devices()[:1], pair)
    assert history[-1]["reconstruction"] < 0.6 * copying


def test_a_run_leaves_its_files(tmp_path):
    train(tiny(**{"train.steps": 2, "train.sample_every": 2}), tmp_path, MemoryDataset())
    assert (tmp_path / "samples" / "00000002.png").is_file()
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_loss_that_is_not_finite_is_named():
    check_finite(1, {"loss": 1.0, "perceptual": 0.5})
    with pytest.raises(NonFiniteLossError, match="'perceptual' is nan at step 7"):
        check_finite(7, {"loss": float("nan"), "reconstruction": 0.1, "perceptual": float("nan")})


def test_a_run_stops_at_a_loss_that_is_not_finite_and_saves_nothing(tmp_path):
    config = tiny(
        **{"optimizer.learning_rate": 1e30, "optimizer.decay_at": (), "train.steps": 6, "train.save_every": 6}
    )
    with pytest.raises(NonFiniteLossError):
        train(config, tmp_path, MemoryDataset())
    assert checkpoints.open_checkpoints(tmp_path, keep=None).latest_step() is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": 32}, "config.size"),
        ({"train.batch_size": 9}, "the nearest that does is 8"),
        ({"perceptual.weights": ""}, "torchvision's vgg19"),
        ({"optimizer.schedule": "cosin"}, "the nearest is 'cosine'"),
        ({"train.sample_every": 0}, "train.sample_every is 1 or more, not 0"),
        ({"train.accumulate": 2}, "among 8 devices in 2 micro-batches; the nearest that does is 16"),
        ({"train.accumulate": 0}, "train.accumulate is 1 or more, not 0"),
        ({"train.average": 1.0}, "train.average is a decay below 1.*not 1.0"),
        ({"train.nonfinite": "skipp"}, "cannot be 'skipp'; the nearest is 'skip'"),
        ({"optimizer.clip": -1.0}, "optimizer.clip is a norm above 0.*not -1.0"),
        ({"train.keep": 0}, "train.keep is 1 or more, not 0"),
        ({"model.dense_motion.depth": 4}, "must be multiples of 16, not 8 x 8"),
        ({"model.detector.padding": 0, "model.detector.scale": 0.25}, "too small for a 7 x 7 convolution"),
        ({**ADVERSARIAL, "discriminator.depth": 4}, "too small for a 4 x 4 convolution"),
        ({"perceptual.taps": 5, "perceptual.scales": (1.0, 0.5)}, "at least 16 pixels, not 8 x 8"),
        ({"train.start_from": "nowhere"}, "no folder named 'nowhere'"),
        ({**ADVERSARIAL, "discriminator.matching": (1.0, 0.1)}, "has 2 weights for 1 blocks"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        train(tiny(**changes), tmp_path, MemoryDataset())


def test_epochs_count_identities_or_clips():
    changes = {"train.steps": 0, "train.epochs": 10.0, "data.repeats": 4, "train.batch_size": 8}
    dataset = MemoryDataset()
    dataset.clips = tuple(dataclasses.replace(clip, identity="the same") for clip in dataset.clips)
    assert total_steps(tiny(**changes), dataset) == 5
    assert total_steps(tiny(**changes, **{"data.identity_sampling": False}), dataset) == 10


def test_the_learning_rate_falls_at_its_fractions_with_and_without_a_warm_up():
    settings = tiny(**{"optimizer.learning_rate": 1.0}).optimizer
    assert [float(learning_rate(settings, 100)(step)) for step in (0, 59, 60, 89, 90)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01]
    )
    settings.warmup = 10
    assert [float(learning_rate(settings, 100)(step)) for step in (0, 5, 59, 60, 89, 90)] == pytest.approx(
        [0, 0.5, 1, 0.1, 0.1, 0.01]
    )


def test_unknown_variant_and_unknown_key_are_refused():
    with pytest.raises(InputError, match="nearest is 'mini64'"):
        get_config("mini46")
    with pytest.raises((AttributeError, KeyError)):
        get_config().update_from_flattened_dict({"train.batchsize": 3})
