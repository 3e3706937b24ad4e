"""Stages of a training by one command, on steps of a moment: the optimisers and their schedules are the real ones."""

import signal
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from configs.fomm import get_config
from experiments import train
from experiments.equal_runs import stored_arrays
from experiments.stages import planned
from tests.training.quick import QUICK, SignalsAt, quick_steps  # noqa: F401
from tests.training.samples import MemoryDataset
from thf_jax.errors import InputError
from thf_jax.training import warm_start
from thf_jax.training.checkpoints import complete_steps

NAME = "configs/fomm.py:debug"
STEPS = 10
OVERRIDES = {
    **QUICK,
    "size": 16,
    "model.detector.padding": 3,
    "discriminator.depth": 1,
    "data.threads": 0,
    "train.batch_size": 8,
    "train.steps": STEPS,
    "train.save_every": 1,
    "train.keep": STEPS,
    "train.start_parts": (),
}


@pytest.fixture
def dataset(monkeypatch, quick_steps):  # noqa: F811
    """What every stage is trained on; can be replaced."""
    held = SimpleNamespace(opened=MemoryDataset())
    monkeypatch.setattr(train, "open_dataset", lambda *_, **__: held.opened)
    monkeypatch.setattr(train, "quick_problems", lambda *_, **__: [])
    monkeypatch.setattr(warm_start, "load", lambda origin: SimpleNamespace(variables=params(Path(origin))))
    return held


@pytest.fixture(autouse=True)
def standard_promotion():
    with jax.numpy_dtype_promotion("standard"):
        yield


def params(workdir, step=None):
    """The animator's variables in a checkpoint of a run, by default the last."""
    folder, steps = complete_steps(workdir)
    stored = stored_arrays(folder / str(step or steps[-1]))["animator"]
    return {"params": stored["params"], **stored["statistics"]}


def change(before, after):
    """The largest change of a parameter."""
    leaves = (jax.tree.leaves(tree["params"]) for tree in (before, after))
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(*leaves, strict=True))


def plan(workdir):
    first = get_config("debug")
    first.update_from_flattened_dict(OVERRIDES)
    return planned(first, NAME, workdir, ["adversarial"], OVERRIDES)


def test_each_stage_is_its_variant_with_the_overrides_and_starts_from_the_one_before():
    overrides = {"train.batch_size": 4, "train.epochs": 7.0}
    stages = planned(get_config("debug"), NAME, Path("runs"), ["adversarial", "keypoints_5"], overrides)
    assert [str(folder) for _, folder in stages] == ["runs", "runs/adversarial", "runs/keypoints_5"]
    _, second, third = (config for config, _ in stages)
    assert (second.loss.adversarial, second.size, second.train.batch_size, second.train.epochs) == (1.0, 32, 4, 7.0)
    assert (third.loss.adversarial, third.model.detector.count) == (0.0, 5)
    assert [config.train.start_from for config in (second, third)] == ["runs", "runs/adversarial"]
    with pytest.raises(InputError, match="the stage 'adversarial' comes twice"):
        planned(get_config("debug"), NAME, Path("runs"), ["adversarial"] * 2, {})


def test_a_stage_begins_with_its_own_learning_rate(tmp_path, dataset):
    """Adam's first step is as long as the learning rate, which the stage before had brought down to a hundredth."""
    train.run_all(plan(tmp_path))
    rate = 2e-4
    assert change(params(tmp_path, STEPS - 1), params(tmp_path, STEPS)) == pytest.approx(rate / 100, rel=0.05)
    first = params(tmp_path / "adversarial", 1)
    assert change(params(tmp_path, STEPS), first) == pytest.approx(rate, rel=1e-2)
    assert complete_steps(tmp_path / "adversarial")[1][-1] == STEPS


def test_stages_go_on_where_they_were_stopped(tmp_path, dataset, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py", "--config", NAME, "--workdir", "my runs", "--stages", "adversarial"])
    frames = 2 * 8
    dataset.opened = SignalsAt((STEPS + 3) * frames + 1, signal.SIGTERM)
    train.run_all(plan(tmp_path))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == (
        "to go on: python -m experiments.train --config configs/fomm.py:debug --workdir 'my runs' --stages adversarial"
    )
    assert complete_steps(tmp_path / "adversarial")[1] == [1, 2, 3, 4]
    dataset.opened = MemoryDataset()
    train.run_all(plan(tmp_path))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"the stage in {tmp_path} is finished: {STEPS} steps"
    assert f"step 4 of 10, on {jax.device_count()} cpu device(s)" in said
    assert complete_steps(tmp_path / "adversarial")[1][-1] == STEPS


def test_an_unknown_stage_is_one_sentence():
    with pytest.raises(InputError, match="no variant named 'adversarail'; the nearest is 'adversarial'"):
        planned(get_config("debug"), NAME, Path("runs"), ["adversarail"], {})


def test_what_is_wrong_with_a_later_stage_is_said_before_the_first(tmp_path, dataset):
    stages = plan(tmp_path)
    stages[1][0].train.batch_size = 9
    with pytest.raises(InputError, match=r"in the stage of .*/adversarial, a batch of 9 does not divide evenly"):
        train.run_all(stages)
    assert not list(tmp_path.iterdir())
