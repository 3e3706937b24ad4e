"""The sweep command: the trials that it makes of a configuration, what it refuses, and one trial for real."""

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from configs.space import Choice, Range
from data_pipelines.datasets import open_dataset
from experiments import ablate
from experiments.configuration import load_config
from experiments.sweeps import conduct, study
from experiments.sweeps.plan import Plan, ablation_trials, search_space, search_trial, variants
from experiments.sweeps.trial import LOG, StoppedError, TrialFailedError
from tests.training.samples import SYSTEMS
from thf_jax.errors import InputError
from thf_jax.training.setup import build_recipe

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "configs/fomm.py:debug"
# ml_collections loads configuration files so.


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def began(monkeypatch):
    """The trials that were begun; none trains, and those of `keypoints_5` fail."""
    found = []

    def run(trial, stop):
        found.append(trial)
        if trial.attributes.get("variant") == "keypoints_5":
            raise TrialFailedError("the loss is nan")
        copying = {"copying_l1": 0.08, "copying_ssim": 0.5, "l1_below_copying": 0.5, "frames": 20, "clips": 2}
        return {"l1": 0.04, "ssim": 0.6, "steps": trial.steps, **copying}

    monkeypatch.setattr(conduct, "run_here", lambda jobs, gpus: run)
    return found


def test_a_trial_is_two_commands_that_a_user_could_type(tmp_path):
    overrides = ("--config.train.steps=2",)
    plan = Plan(CONFIG, overrides, tmp_path, every=4)
    trials = ablation_trials(plan, ["full", "zeroth_order"], [0, 7])
    assert [(trial.attributes["variant"], trial.attributes["seed"]) for trial in trials] == [
        ("full", 0),
        ("zeroth_order", 0),
        ("full", 7),
        ("zeroth_order", 7),
    ]
    last, folder = trials[-1], str(tmp_path / "zeroth_order" / "seed7")
    assert str(last.workdir) == folder and last.steps == 2
    python = [sys.executable, "-m"]
    config = ["--config", "configs/fomm.py:debug+zeroth_order", "--workdir", folder, *overrides, "--config.seed=7"]
    assert list(last.train) == [*python, "experiments.train", *config]
    data = ["--data", "moving_heads", "--split", "eval", "--every", "4", "--output", f"{folder}/scores.json"]
    assert list(last.evaluate) == [*python, "experiments.evaluate", "--model", folder, *data]
    assert trials[0].train[4] == CONFIG
    (bare,) = ablation_trials(Plan("configs/fomm.py", overrides, tmp_path), ["zeroth_order"], [0])
    assert bare.train[4] == "configs/fomm.py:zeroth_order"


def test_a_run_of_epochs_has_the_steps_that_training_would_take(tmp_path):
    plan = Plan(CONFIG, ("--config.train.steps=0", "--config.train.epochs=2", "--config.data.repeats=3"), tmp_path)
    (trial,) = ablation_trials(plan, ["full"], [0])
    identities = {clip.identity for clip in open_dataset("moving_heads", "train", size=32).clips}
    assert trial.steps == int(len(identities) * 3 / 8 * 2)


@pytest.mark.parametrize("system", [*SYSTEMS, "x2face", "face_vid2vid"])
def test_a_search_may_take_every_value_of_its_space(system, tmp_path):
    plan = Plan(f"configs/{system}.py:debug", ("--config.train.steps=1",), tmp_path)
    module = importlib.import_module(f"configs.{system}")
    space = search_space(plan)
    assert space == module.sweep() and space
    for entry, each in space.items():
        assert isinstance(each, Choice) or 0 < each.low < each.high
        for value in (each.low, each.high) if isinstance(each, Range) else each.values:
            config = load_config(plan.config, [f"--config.{entry}={value}"])
            found = config
            for name in entry.split("."):
                found = found[name]
            assert found == value and type(found) is type(value)
            build_recipe(config, 1)
    trial = search_trial(plan, 3, {"optimizer.learning_rate": 3e-4})
    assert trial.workdir == tmp_path / "search" / "3" and trial.train[-1] == "--config.optimizer.learning_rate=0.0003"
    fixed = Plan(plan.config, ("--config.optimizer.learning_rate=1e-3",), tmp_path)
    assert space.keys() - search_space(fixed).keys() == {"optimizer.learning_rate"}


@pytest.mark.parametrize(
    ("only", "overrides", "sentence"),
    [
        (["zeroth_ordr"], (), "no ablation named 'zeroth_ordr'; the nearest is 'zeroth_order'"),
        ([], ("--config.model.detector.count=9",), "--config.model.detector.count would undo the ablation keypoints_5"),
        (["skips"], (), "the ablation skips changes nothing in configs/fomm.py:debug: leave it out"),
        ([], ("--config.seed=3",), "give --seeds in its place"),
    ],
)
def test_variants_that_cannot_be_compared_are_refused(only, overrides, sentence):
    with pytest.raises(InputError, match=sentence):
        variants(Plan(CONFIG, overrides, Path("nowhere")), only)
    assert variants(Plan(CONFIG, ("--config.model.detector.count=9",), Path("nowhere")), ["full"]) == ["full"]


def test_an_ablation_that_changes_nothing_is_left_out(capsys):
    every = ["full", "zeroth_order", "no_visibility", "no_equivariance", "single_scale", "keypoints_5", "keypoints_20"]
    assert variants(Plan("configs/fomm.py", (), Path("nowhere"))) == [*every, "skips"]
    assert capsys.readouterr().out == ""
    assert variants(Plan("configs/fomm.py:mini64", (), Path("nowhere"))) == every
    assert capsys.readouterr().out == "skips: left out, since it changes nothing in configs/fomm.py:mini64\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--config", "configs/fom.py"], "no configuration file configs/fom.py"),
        (["--config", "configs/fomm.py:debgu"], "nearest is 'debug'"),
        (["--config", "configs/base.py"], "configs/base.py"),
        (["--config", CONFIG, "--config.train.stps=2"], "steps"),
        (["--config", CONFIG, "--config.train.steps"], "--config.train.steps has no value"),
        (["--config", CONFIG, "--config.data.location=nowhere"], "no folder nowhere"),
        (["--config", CONFIG, "--split", "evl"], "evl"),
        (["--config", CONFIG, "--only", "ful"], "nearest is 'full'"),
        (["--config", CONFIG, "--seeds", "0,-1"], "numbers from 0 on"),
        (["--config", CONFIG, "--seeds", "a"], "--seeds"),
        (["--config", CONFIG, "--jobs", "0"], "--jobs is 1 or more"),
        (["--config", CONFIG, "--search", "2", "--only", "full"], "--search takes neither"),
        (["--config", CONFIG, "--gpus", "0", "--jobs", "2"], "give each one at least"),
        (["--config", CONFIG, "--slurm", "--gpus", "0"], "gpus_per_node"),
        (
            ["--config", CONFIG, "--slurm", "--slurm-option", "slurm_ntasks_per_node=2"],
            "leave out slurm_ntasks_per_node",
        ),
        (["--config", CONFIG, "--page", "table.txt"], ".md"),
        (["--config", CONFIG, "--table"], "leave out --table"),
    ],
)
def test_wrong_options_are_one_sentence_and_status_2(words, sentence, tmp_path, began, capsys):
    assert ablate.main([*words, "--workdir", str(tmp_path / "sweep")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ablate: ") and sentence in line
    assert began == []


def test_without_the_extra_it_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "experiments.sweeps.conduct")
    monkeypatch.delitem(sys.modules, "experiments.sweeps.study")
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert ablate.main(["--config", CONFIG, "--workdir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == ("ablate: sweeps need optuna, which is not installed: pip install .[sweep]\n")


def test_a_failure_is_reported_and_the_others_are_done(tmp_path, began, capsys):
    page = tmp_path / "page.md"
    page.write_text("# Results\n")
    words = ["--config", CONFIG, "--workdir", str(tmp_path / "sweep"), "--config.train.steps=2", "--page", str(page)]
    chosen = ["--only", "full,keypoints_5,zeroth_order", "--seeds", "4"]
    assert ablate.main([*words, *chosen]) == 1
    assert [trial.attributes["variant"] for trial in began] == ["full", "keypoints_5", "zeroth_order"]
    said = capsys.readouterr()
    assert said.err.startswith("ablate: the work failed: TrialsFailedError: 1 of the trials failed, the last in ")
    assert said.err.splitlines()[0].split(" (--debug")[0].endswith("keypoints_5/seed4: the loss is nan")
    text = page.read_text()
    assert text.startswith("# Results\n\n<!-- fomm-ablations: begin -->\n`python -m experiments.ablate --config")
    assert "| full | 0.0400 | 50.0% | 0.600 | 1 | 2 |" in text.splitlines()
    assert "Failed: keypoints_5, seed 4: the loss is nan" in text.splitlines()
    assert ablate.main([*words, "--table"]) == 0
    assert len(began) == 3 and page.read_text() == text
    assert capsys.readouterr().out.strip() in text


def test_a_search_is_continued_with_the_same_space_alone(tmp_path, began, capsys):
    words = ["--config", CONFIG, "--workdir", str(tmp_path), "--config.train.steps=2", "--search"]
    assert ablate.main([*words, "1"]) == 0
    assert ablate.main([*words, "2"]) == 0
    first, second = began
    assert first.workdir == tmp_path / "search" / "0" and second.workdir == tmp_path / "search" / "1"
    assert len(first.train) == len(second.train) and first.train[:5] == second.train[:5]
    assert "| trial | L1 |" in capsys.readouterr().out


def test_slurm_is_given_its_options_and_all_trials_at_once(tmp_path, began, monkeypatch):
    opened, at_once = [], []
    monkeypatch.setattr(conduct, "open_cluster", lambda *words: opened.append(words) or "cluster")
    monkeypatch.setattr(conduct, "run_on_cluster", lambda cluster, trial, stop: conduct.run_here(1, [])(trial, stop))
    pool = study.ThreadPoolExecutor
    monkeypatch.setattr(study, "ThreadPoolExecutor", lambda jobs: at_once.append(jobs) or pool(jobs))
    words = ["--config", CONFIG, "--workdir", str(tmp_path), "--config.train.steps=2", "--only", "full,zeroth_order"]
    slurm = ["--slurm", "--slurm-partition", "gpu", "--slurm-hours", "1.5", "--slurm-option", "gpus_per_node=2"]
    assert ablate.main([*words, *slurm]) == 0
    assert opened == [("slurm", tmp_path, {"timeout_min": 90, "gpus_per_node": 2, "slurm_partition": "gpu"})]
    assert at_once == [4] and len(began) == 4


@pytest.mark.parametrize(("words", "jobs"), [([], 1), (["--slurm"], 3), (["--slurm", "--jobs", "30"], 30)])
def test_a_search_on_a_cluster_learns_from_its_first_trials(tmp_path, began, monkeypatch, words, jobs):
    together = []
    monkeypatch.setattr(conduct, "open_cluster", lambda *_: "cluster")
    monkeypatch.setattr(conduct, "run_search", lambda *_, jobs: together.append(jobs) or ["none was run"])
    given = ["--config", CONFIG, "--workdir", str(tmp_path), "--search", "30"]
    assert ablate.main([*given, *words]) == 1
    assert together == [jobs]


def test_sigterm_interrupts_a_sweep_that_can_go_on(tmp_path, monkeypatch, capsys):
    def run(trial, stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        raise StoppedError

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(conduct, "run_here", lambda jobs, gpus: run)
    words = ["--config", CONFIG, "--workdir", str(tmp_path), "--config.train.steps=2", "--only", "full"]
    assert ablate.main(words) == 130
    assert capsys.readouterr().err == "ablate: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is handler
    assert [trial.state.name for trial in study.read_study(tmp_path, "ablations").trials] == ["RUNNING"]


@pytest.mark.thorough
def test_a_real_trial_ends_in_a_table(tmp_path, capsys):
    words = ["--config", CONFIG, "--workdir", str(tmp_path), "--config.train.steps=2", "--every", "8"]
    assert ablate.main([*words, "--only", "full", "--seeds", "0"]) == 0, (tmp_path / "full/seed0" / LOG).read_text()
    folder = tmp_path / "full" / "seed0"
    run = json.loads((folder / "run.json").read_text())
    assert run["arguments"] == [*words[:2], "--workdir", str(folder), words[4], "--config.seed=0"]
    found = json.loads((folder / "scores.json").read_text())["summary"]
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("| full |"))
    assert row.split(" | ")[1:] == [
        f"{found['model']['l1']:.4f}",
        f"{found['l1_below_copying']:.1%}",
        f"{found['model']['ssim']:.3f}",
        "1",
        "2 |",
    ]
