"""What a step does beside the losses, on a model so small that all of it can be computed again by NumPy."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.training.blend import Blend, beginning, judged, pictures, recipe, steps
from tests.training.samples import assert_equal, tiny
from thf_jax.errors import InputError
from thf_jax.training import parallel
from thf_jax.training.accumulate import interleaved
from thf_jax.training.optimizers import optimizer
from thf_jax.training.progress import NonFiniteLossError, Progress
from thf_jax.training.step import train_step


def assert_close(ours, theirs, tolerance=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), ours, theirs)


def darkened(key, pair):
    return jax.tree.map(lambda image: image * jax.random.uniform(key, ()), pair)


def test_micro_batches_without_batch_norm_equal_the_batch():
    settings = {"augment": darkened}
    batches = [pictures(seed=seed) for seed in range(2)]
    for (state, metrics), (wanted, expected) in zip(
        steps(judged(accumulate=4, **settings), batches), steps(judged(**settings), batches), strict=True
    ):
        assert_close(state, wanted)
        assert_close(metrics, expected, 1e-5)
    assert set(metrics) >= {"discriminator", "adversarial", "feature_matching", "gradient_norm"}


def test_statistics_run_through_the_micro_batches_in_order():
    parts, batch = 4, pictures()
    ((state, _),) = steps(recipe(module=Blend(normalized=True), accumulate=parts), [batch])
    mean, var = np.zeros(3), np.ones(3)
    for part in range(parts):
        source, driving = (batch[name][part::parts].astype(np.float64) for name in ("source", "driving"))
        values = (0.3 * source + 0.3 * driving.mean((1, 2), keepdims=True)).reshape(-1, 3)
        mean, var = 0.9 * mean + 0.1 * values.mean(0), 0.9 * var + 0.1 * values.var(0, ddof=1)
    assert_close(state.animator.statistics["batch_stats"]["norm"], {"mean": mean, "var": var}, 1e-5)


def test_a_batch_that_does_not_divide_is_one_sentence():
    with pytest.raises(
        InputError, match=r"batch of 9 does not divide into 2 micro-batches.* the nearest that does is 8"
    ):
        interleaved(np.zeros(9), 2)
    mesh = parallel.data_mesh()
    assert parallel.local_batch_size(48, mesh, 3) == 48
    with pytest.raises(InputError, match="among 8 devices in 3 micro-batches; the nearest that does is 24"):
        parallel.local_batch_size(32, mesh, 3)


def test_micro_batches_move_no_example_to_another_device():
    mesh = parallel.data_mesh()
    settings = judged(module=Blend(normalized=True), accumulate=2, augment=darkened)
    state = parallel.replicate(beginning(settings), mesh)
    batch = parallel.to_devices(pictures(16), mesh)
    program = jax.jit(functools.partial(train_step, settings)).lower(state, {}, batch, jax.random.key(2)).compile()
    text = program.as_text()
    assert "all-reduce" in text
    for moved in ("all-gather", "all-to-all", "collective-permute"):
        assert moved not in text
    assert_close(program(state, {}, batch, jax.random.key(2))[0], steps(settings, [pictures(16)])[0][0])


def test_clipping_shortens_the_step_and_leaves_the_measured_norm():
    config = tiny(**{"optimizer.kind": "sgd", "optimizer.learning_rate": 1.0, "optimizer.clip": 1e-3}).optimizer
    ((_, free),) = steps(recipe(), [pictures()])
    for norm, taken in [(1e-3, 1e-3), (1e3, free["gradient_norm"])]:
        config.clip = norm
        settings = recipe(optimizer=optimizer(config, 10))
        ((state, metrics),) = steps(settings, [pictures()])
        moved = jax.tree.map(jnp.subtract, beginning(settings).animator.params, state.animator.params)
        assert float(optax.tree.norm(moved)) == pytest.approx(taken, rel=1e-4)
        assert metrics["gradient_norm"] == pytest.approx(free["gradient_norm"], rel=1e-6)


def test_the_average_follows_the_parameters_from_their_start():
    decay, settings = 0.25, recipe(average=0.25)
    average = np.asarray(beginning(settings).animator.params["weights"], np.float64)
    for number, (state, _) in enumerate(steps(settings, [pictures(seed=seed) for seed in range(4)])):
        kept = min(decay, (1 + number) / (10 + number))  # 0.1, 0.18, 0.25, 0.25
        average = kept * average + (1 - kept) * np.asarray(state.animator.params["weights"])
        assert_close(state.average["weights"], average)
    assert_equal(state.variables["params"], state.average)
    assert np.abs(state.average["weights"] - state.animator.params["weights"]).max() > 1e-4


def test_a_step_that_is_not_finite_is_as_if_it_had_not_been():
    settings = judged(
        module=Blend(normalized=True), optimizer=optax.adam(0.1), average=0.9, skip_nonfinite=True, accumulate=2
    )
    good, bad = pictures(), pictures(seed=1)
    bad["driving"][3, 2, 1, 0] = np.nan
    (first, metrics), (skipped, lost), (second, _) = steps(settings, [good, bad, good])
    assert (metrics["skipped"], lost["skipped"]) == (0.0, 1.0) and np.isnan(lost["loss"])
    assert (int(first.step), int(skipped.step)) == (1, 2)
    assert_equal(dataclasses.replace(skipped, step=first.step), first)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(second))
    assert np.abs(second.animator.params["weights"] - first.animator.params["weights"]).max() > 1e-3
    (_, metrics), (stopped, lost) = steps(dataclasses.replace(settings, skip_nonfinite=False), [good, bad])
    assert "skipped" not in metrics and np.isnan(lost["loss"])
    assert np.isnan(stopped.animator.params["weights"]).any()


def report(folder, skipped, *, every):
    """The lines of a run in which these steps were skipped; the loss of each other one is its number."""
    progress = Progress(folder, every=every, images_per_step=8, steps=len(skipped))
    for number, one in enumerate(skipped, 1):
        loss = float("nan") if one else float(number)
        progress.add(number, {name: jnp.float32(value) for name, value in (("loss", loss), ("skipped", one))})
    progress.close()
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_means_leave_out_what_was_skipped_and_the_line_counts_it(tmp_path, capsys):
    first, second, third = report(tmp_path, [False, True, True, False, False, False, True, True, True], every=3)
    assert (first["loss"], first["skipped"]) == (1.0, 2.0)
    assert (second["loss"], second["skipped"]) == (5.0, 0.0)
    assert "loss" not in third and third["skipped"] == 3.0
    lines = capsys.readouterr().out.splitlines()
    assert "loss 1.0000  2 of 3 steps skipped  " in lines[0]
    assert "skipped" not in lines[1]
    assert "step 9/9  3 of 3 steps skipped  " in lines[2]


@pytest.mark.parametrize(("every", "patience"), [(1, 10), (12, 12)])
def test_a_run_is_given_up_when_a_whole_window_was_skipped(tmp_path, every, patience):
    report(tmp_path, [True] * (patience - 1) + [False] + [True] * (patience - 1), every=every)
    with pytest.raises(NonFiniteLossError, match=f"the last {patience} steps, up to step {patience}, were all skipped"):
        report(tmp_path, [True] * 2 * patience, every=every)
