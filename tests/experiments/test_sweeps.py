"""Sweeps of trials that train nothing: what is run, what is repeated, and what becomes of failures and kills."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from configs.space import Choice, Range
from experiments.sweeps.cluster import JOB, cluster_options, open_cluster, run_on_cluster
from experiments.sweeps.study import failed, finished, only_sweep, open_study, read_study, run_grid, run_search
from experiments.sweeps.trial import LOG, StoppedError, Trial, TrialFailedError, run_here, run_trial
from tests.experiments.fake_trials import COPYING, STEPS, fake_trial, notes, sweep, wait_for
from thf_jax.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
SPACE = {"rate": Range(1e-4, 1e-2, log=True), "scales": Choice(((1.0,), (1.0, 0.5))), "kind": Choice(("adam", "sgd"))}


def trials(root, *names):
    return [fake_trial(root, name) for name in names]


def recording(began, failing=()):
    """A runner that computes nothing: the L1 is the number of trials begun until then."""

    def run(trial, stop):
        began.append(trial.attributes.get("variant", trial.attributes.get("trial")))
        if began[-1] in failing:
            raise TrialFailedError("the loss is nan")
        return {"l1": float(len(began)), "ssim": 0.5}

    return run


def test_a_grid_runs_what_is_missing_and_what_had_failed(tmp_path):
    began, study = [], open_study(tmp_path, "ablations", {})
    failures = run_grid(study, trials(tmp_path, "a", "b", "c"), recording(began, failing="b"))
    assert began == ["a", "b", "c"]
    assert failures == [f"{tmp_path}/b/seed0: the loss is nan"]
    assert [trial.user_attrs["failure"] for trial in failed(study)] == ["the loss is nan"]
    again = open_study(tmp_path, "ablations", {})
    assert run_grid(again, trials(tmp_path, "a", "b", "c", "d"), recording(began), jobs=2) == []
    assert began[:3] == ["a", "b", "c"] and sorted(began[3:]) == ["b", "d"]
    found = {trial.user_attrs["variant"]: (trial.value, trial.user_attrs["seed"]) for trial in finished(again)}
    assert found.keys() == set("abcd") and found["a"] == (1.0, 0) and found["c"] == (3.0, 0)
    run_grid(again, trials(tmp_path, "a", "b", "c", "d"), recording(began))
    assert len(began) == 5


def test_a_search_ends_at_its_number_and_tries_killed_values_again(tmp_path):
    tried, killed = [], [2]

    def make(number, values):
        tried.append((number, dict(values)))
        return Trial(tmp_path / str(number), {"trial": number}, (), (), 1)

    def run(trial, stop):
        number = trial.attributes["trial"]
        if number in killed:
            raise KeyboardInterrupt
        if number == 1:
            raise TrialFailedError("the loss is nan")
        return {"l1": float(number)}

    study = open_study(tmp_path, "search", {})
    with pytest.raises(KeyboardInterrupt):
        run_search(study, 4, SPACE, make, run)
    assert [number for number, _ in tried] == [0, 1, 2]
    killed.clear()
    run_search(open_study(tmp_path, "search", {}), 5, SPACE, make, run)
    assert [number for number, _ in tried] == [0, 1, 2, 2, 3, 4]  # what failed is not tried again
    assert tried[3] == tried[2]
    assert len({values["rate"] for _, values in tried}) == 5
    assert all(1e-4 <= values["rate"] <= 1e-2 for _, values in tried)
    assert {values["scales"] for _, values in tried} <= {"(1.0,)", "(1.0, 0.5)"}
    assert {values["kind"] for _, values in tried} <= {"adam", "sgd"}
    assert run_search(open_study(tmp_path, "search", {}), 5, SPACE, make, run) == []
    assert len(tried) == 6


def test_scores_of_other_settings_do_not_mix(tmp_path):
    open_study(tmp_path, "ablations", {"config": "a.py", "every": 1})
    with pytest.raises(InputError, match=r"was begun with the every 1 and not 2: give another --workdir"):
        open_study(tmp_path, "ablations", {"config": "a.py", "every": 2})
    with pytest.raises(InputError, match="has no search that were begun"):
        read_study(tmp_path, "search")
    with only_sweep(tmp_path), pytest.raises(InputError, match="a sweep is running in"), only_sweep(tmp_path):
        pass
    with only_sweep(tmp_path):
        pass


def test_a_trial_is_trained_then_scored(tmp_path):
    found = run_trial(fake_trial(tmp_path, "a", l1=0.06), threading.Event())
    assert found["l1"] == 0.06 and found["ssim"] == 0.6 and found["steps"] == STEPS
    assert found["copying_l1"] == COPYING["l1"] and found["l1_below_copying"] == pytest.approx(0.25)
    assert sum(line.startswith("$ ") for line in (tmp_path / "a/seed0" / LOG).read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"steps": STEPS - 1}, "training stopped at step 3 of 4"),
        (
            {"train": (sys.executable, "-c", "import sys; sys.exit('train: no clip\\n')")},
            "train: no clip (exit status 1)",
        ),
        ({"train": (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")}, "(exit status -9)"),
        ({"l1": float("nan")}, "the L1 of its pictures is nan"),
    ],
)
def test_why_a_trial_failed_is_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(TrialFailedError) as caught:
        run_trial(fake_trial(tmp_path, "a", **changes), threading.Event())
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


def test_jobs_share_the_gpus_and_end_when_the_sweep_does(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    look = "import os, sys; sys.exit('sees ' + os.environ['CUDA_VISIBLE_DEVICES'])"
    run = run_here(2, ["0", "1", "2"])
    with pytest.raises(TrialFailedError, match="sees 0,2"):
        run(fake_trial(tmp_path, "a", train=(sys.executable, "-c", look)), threading.Event())
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        run(fake_trial(tmp_path, "b", waits=True), stop)
    (tmp_path / "go").touch()
    assert run_trial(fake_trial(tmp_path, "b", waits=True), threading.Event())["l1"] == 0.04


def test_a_killed_sweep_repeats_nothing_that_is_done_and_nothing_at_once(tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "tests.experiments.fake_trials", str(tmp_path)], cwd=ROOT)
    wait_for(lambda: "begin second" in notes(tmp_path))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    # What it had started is still at work. The restarted sweep waits for that, and then runs the trial to its end.
    timer = threading.Timer(1.0, (tmp_path / "go").touch)
    timer.start()
    assert sweep(tmp_path) == []
    assert notes(tmp_path) == ["begin first", "end first", *["begin second", "end second"] * 2]
    study = read_study(tmp_path, "ablations")
    assert [trial.user_attrs["variant"] for trial in finished(study)] == ["first", "second"]
    assert sweep(tmp_path) == [] and len(notes(tmp_path)) == 6


def test_a_preempted_job_is_queued_again_and_a_known_one_is_waited_for(tmp_path):
    cluster = open_cluster("local", tmp_path, {"timeout_min": 5})
    trial = fake_trial(tmp_path, "a", waits=True)
    jobs = []

    def preempt():
        wait_for(lambda: notes(tmp_path) == ["begin a"])
        jobs.append((trial.workdir / JOB).read_text())
        (task,) = children(int(jobs[0]))
        (training,) = children(task)
        os.kill(training, signal.SIGUSR2)  # SLURM tells all processes; only the task, which ends the others, heeds it
        os.kill(task, signal.SIGUSR2)
        wait_for(lambda: notes(tmp_path) == ["begin a"] * 2)
        (tmp_path / "go").touch()

    thread = threading.Thread(target=preempt)
    thread.start()
    found = run_on_cluster(cluster, trial, threading.Event())
    thread.join()
    assert found["l1"] == 0.04
    assert notes(tmp_path) == ["begin a", "begin a", "end a"]
    assert not (trial.workdir / JOB).exists()
    (trial.workdir / JOB).write_text(jobs[0])  # as a sweep leaves it that is killed before it sees the end
    assert run_on_cluster(cluster, trial, threading.Event()) == found
    assert len(notes(tmp_path)) == 3


def children(process):
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.parametrize(
    ("cluster", "options", "sentence"),
    [
        ("slurm", {}, "srun"),
        ("slrum", {}, "slrum"),
        ("local", {"slurm_partitoin": "a"}, "slurm_partitoin"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_refused(tmp_path, monkeypatch, cluster, options, sentence):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=sentence):
        open_cluster(cluster, tmp_path, options)


def test_options_of_a_cluster():
    assert cluster_options(["gpus_per_node=2", "slurm_account=me", "mem_gb=0.5"]) == {
        "gpus_per_node": 2,
        "slurm_account": "me",
        "mem_gb": 0.5,
    }
    with pytest.raises(InputError, match="takes KEY=VALUE"):
        cluster_options(["gpus_per_node"])
