"""A run that stops and goes on, and what it leaves behind."""

import json

import grain
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from configs.fomm import get_config
from data_pipelines.loader import pair_batches
from tests.training.blend import beginning, judged
from tests.training.quick import quick, quick_steps  # noqa: F401
from tests.training.samples import ADVERSARIAL, MemoryDataset, assert_equal, tiny
from thf_jax.errors import InputError
from thf_jax.training import checkpoints
from thf_jax.training.loop import train
from thf_jax.training.run_files import write_run_files
from thf_jax.training.trained_networks import restore_animator


def test_two_steps_and_two_after_a_resume_equal_four(tmp_path):
    dataset, changes = MemoryDataset(), {**ADVERSARIAL, "train.average": 0.9, "train.nonfinite": "skip"}
    whole = train(tiny(**changes), tmp_path / "whole", dataset)
    half = tiny(**changes)
    interrupted = tmp_path / "interrupted"
    with pytest.raises(KeyboardInterrupt):
        train(half, interrupted, StopsAfter(dataset, frames=2 * 3 * 8))
    assert checkpoints.open_checkpoints(interrupted, read_only=True).latest_step() == 2
    resumed = train(half, interrupted, dataset)
    assert int(resumed.step) == 4
    assert_equal(whole, resumed)
    assert_equal(restore_animator(interrupted).variables, {**whole.animator.variables, "params": whole.average})
    assert not same(whole.average, whole.animator.params)


class StopsAfter:
    """A dataset that is interrupted once so many frames were read."""

    def __init__(self, dataset, frames):
        self.size, self.clips, self._dataset, self._left = dataset.size, dataset.clips, dataset, frames

    def frame(self, number):
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return self._dataset.frame(number)


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path):
    dataset = MemoryDataset()
    whole = train(tiny(), tmp_path, dataset)
    newest = tmp_path / checkpoints.FOLDER / "4"
    for file in newest.rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    found = restore_animator(tmp_path)  # whoever looks on gets the one before, too
    resumed = train(tiny(), tmp_path, dataset)
    assert_equal(whole, resumed)
    assert not same(found.variables, resumed.animator.variables)
    assert_equal(restore_animator(tmp_path).variables, resumed.animator.variables)  # written anew


def test_checkpoints_of_another_configuration_are_refused(tmp_path):
    dataset = MemoryDataset()
    train(tiny(**{"train.steps": 2}), tmp_path, dataset)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(InputError, match="none of the checkpoints"):
        train(tiny(**{"train.steps": 3, "model.detector.count": 2}), tmp_path, dataset)
    assert (tmp_path / "config.json").read_text() == before
    assert restore_animator(tmp_path).settings["detector"]["count"] == 3


def test_what_a_step_sees_stays_what_it_was_and_other_changes_are_written_down(tmp_path, quick_steps, capsys):  # noqa: F811
    def begin(**changes):
        return train(quick(**changes), tmp_path, MemoryDataset(), arguments=["some", "words"])

    begin(**{"train.steps": 1})
    before = (tmp_path / "config.json").read_text()
    for entry, value in {"seed": 1, "train.batch_size": 16, "data.mirror": 0.25}.items():
        with pytest.raises(InputError, match=f"was begun with {entry}=.* and cannot go on with {value}"):
            begin(**{"train.steps": 2, entry: value})
    assert (tmp_path / "config.json").read_text() == before
    begin(**{"train.steps": 2, "optimizer.learning_rate": 1e-3})
    assert "train.steps was 1 until now, and is 2" in capsys.readouterr().out
    begin(**{"train.steps": 2, "optimizer.learning_rate": 1e-3})
    run = json.loads((tmp_path / "run.json").read_text())
    changed = [sorted(each.get("changes", {})) for each in [*run["before"], run]]
    assert changed == [[], ["optimizer.learning_rate", "train.steps"], []]


def test_saving_does_not_count_up_what_preemption_counts(tmp_path, quick_steps, monkeypatch):  # noqa: F811
    def asked(step):
        raise AssertionError(f"Orbax has asked about step {step}")

    monkeypatch.setattr(ocp.checkpoint_manager.utils, "reached_preemption", asked)
    train(quick(**{"train.steps": 2, "train.save_every": 1}), tmp_path, MemoryDataset())
    assert checkpoints.complete_steps(tmp_path)[1] == [1, 2]


def same(first, second):
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: np.array_equal(a, b), first, second)))


def test_the_second_stage_starts_from_the_networks_of_the_first(tmp_path):
    dataset, stage = MemoryDataset(), {"train.steps": 1, "optimizer.learning_rate": 0.0}
    first = train(tiny(**{"train.steps": 2, "train.average": 0.9}), tmp_path / "first", dataset)
    start = {"train.start_from": str(tmp_path / "first"), "train.average": 0.5}
    second = tiny(**ADVERSARIAL, **stage, **start)
    state = train(second, tmp_path / "second", dataset)
    assert int(state.step) == 1
    assert state.discriminator is not None
    assert_equal(first.average, state.animator.params)
    assert_equal(first.average, state.average)
    assert not same(first.animator.statistics, state.animator.statistics)
    assert not same(first.animator.params, train(tiny(**stage), tmp_path / "random", dataset).animator.params)
    second.model.detector.count = 2
    with pytest.raises(InputError, match="has other networks"):
        train(second, tmp_path / "third", dataset)


def test_a_checkpoint_from_before_there_were_averages_is_restored(tmp_path):
    state = beginning(judged())
    batches = pair_batches(MemoryDataset(), batch_size=2, seed=0)
    before = {"step": state.step + 7, "animator": state.animator, "discriminator": state.discriminator}
    with checkpoints.open_checkpoints(tmp_path, create=True) as manager:
        stored = ocp.args.Composite(state=ocp.args.StandardSave(before), data=grain.checkpoint.CheckpointSave(batches))
        manager.save(7, args=stored)
        manager.wait_until_finished()
        restored = checkpoints.restore(manager, state, batches)
        assert int(restored.step) == 7 and restored.average is None
        assert_equal(restored.animator, state.animator)
        with pytest.raises(InputError, match="average/weights has the shape"):
            checkpoints.restore(manager, beginning(judged(average=0.9)), batches)


def test_a_folder_that_is_no_sound_run_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json"):
        restore_animator(tmp_path)
    for text in ("{", "[]", "{}"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(InputError, match="is not the configuration of a training run"):
            restore_animator(tmp_path)
    write_run_files(tmp_path, tiny(), [])
    with pytest.raises(InputError, match="no complete checkpoint"):
        restore_animator(tmp_path)


def test_the_configuration_survives_its_file(tmp_path):
    write_run_files(tmp_path, get_config("mini64"), ["--x"])
    assert json.loads((tmp_path / "config.json").read_text())["model"]["detector"]["width"] == 16
    assert json.loads((tmp_path / "run.json").read_text())["packages"]["jax"] == jax.__version__
