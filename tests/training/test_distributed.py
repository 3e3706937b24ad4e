"""Several processes as one run: how they are asked for, and two real ones that are killed and resumed as one."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from data_pipelines.build import main as build_dataset
from data_pipelines.datasets import open_dataset
from tests.training.samples import assert_learnt_alike, assert_losses_alike
from tests.training.two_processes import settings
from thf_jax.errors import InputError
from thf_jax.training import checkpoints, distributed
from thf_jax.training.distributed import joined
from thf_jax.training.loop import train
from thf_jax.training.run_files import read_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch):
    """What JAX is told of other processes; nothing is started. The environment says nothing of any."""
    calls = []
    for name in (*distributed.LAUNCHED, distributed.ADDRESS, distributed.COUNT, distributed.NUMBER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jax.distributed, "initialize", lambda *given: calls.append(given))
    monkeypatch.setattr(jax.distributed, "shutdown", lambda: None)
    monkeypatch.setattr(distributed, "_end_with_a_sentence", lambda: None)
    return calls


def test_a_process_that_nobody_has_company_for_stays_alone(started, monkeypatch):
    for environment in ({}, {"SLURM_NTASKS": "1"}, {"OMPI_COMM_WORLD_SIZE": "1"}):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with joined():
            pass
    assert started == []


@pytest.mark.parametrize("name", distributed.LAUNCHED)
def test_a_launcher_is_asked_for_the_others(started, monkeypatch, name):
    monkeypatch.setenv(name, "2")
    with joined():
        pass
    assert started == [(None, None, None)]


def test_options_come_before_the_environment(started, monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "10.0.0.1:8476")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "4")
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    with joined():
        pass
    with joined("10.0.0.2:8476", process=0):
        pass
    assert started == [("10.0.0.1:8476", 4, 3), ("10.0.0.2:8476", 4, 0)]


def test_the_number_alone_says_how_many_have_to_be_found(started, monkeypatch):
    with (
        pytest.raises(InputError, match="--processes is 4, and JAX has found 1: start all of them"),
        joined(processes=4),
    ):
        pass
    assert started == []
    monkeypatch.setattr(jax, "process_count", lambda: 4)
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "10.0.0.1:8476")
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    with joined(processes=4):
        pass
    assert started == [("10.0.0.1:8476", 4, 3)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("10.0.0.1:8476",), "all three"),
        (("", 2, 0), "all three"),
        (("10.0.0.1", 2, 0), "HOST:PORT, such as 10.0.0.1:8476, not '10.0.0.1'"),
        (("10.0.0.1:8476", 2, 2), "no process 2 of 2: give --process 0 to 1"),
    ],
)
def test_options_that_do_not_fit_together(started, given, sentence):
    with pytest.raises(InputError, match=sentence), joined(*given):
        pass
    assert started == []


@pytest.mark.parametrize(
    ("system", "size"), [("fomm", 16), pytest.param("face_vid2vid", 32, marks=pytest.mark.thorough)]
)
def test_two_processes_that_are_killed_go_on_as_one(tmp_path, system, size):
    """Two steps on two processes of two devices, two on one of eight, against four on eight.

    One process is killed. The other one, left alone, must end by itself and say why.
    """
    words = ["moving_heads", "--data_dir", str(tmp_path / "data"), "--resolution", str(size)]
    assert build_dataset([*words, "--clips", "8", "--frames", "4"]) == 0
    interrupted = tmp_path / "interrupted"
    first, second = start_two(system, tmp_path / "data", interrupted)
    with first, second:
        try:
            wait_for(interrupted / checkpoints.FOLDER / "2", first, second)
            first.send_signal(signal.SIGKILL)
            said = second.communicate(timeout=60)[1]
        finally:
            for process in (first, second):
                process.kill()
    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 1
    assert said.splitlines()[-1].endswith(distributed.START_AGAIN)
    dataset = open_dataset(str(tmp_path / "data"), "train")
    assert checkpoints.open_checkpoints(interrupted, read_only=True).all_steps() == [2]
    resumed = train(settings(system, size), interrupted, dataset)
    whole = train(settings(system, size), tmp_path / "whole", dataset)
    assert_learnt_alike(whole, resumed)
    measured = [read_run(workdir) for workdir in (tmp_path / "whole", interrupted)]
    assert all([line["step"] for line in run.metrics] == [1, 2, 3, 4] for run in measured)
    for ours, theirs in zip(*(run.metrics for run in measured), strict=True):
        assert_losses_alike(ours, theirs)


def start_two(system, data, workdir):
    """Two processes of two devices each, as one run on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    # Without the compiler's optimisations, which take longer than they save here.
    flags = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags}
    command = [sys.executable, "-m", "tests.training.two_processes", coordinator]
    return [
        subprocess.Popen(
            [*command, str(process), system, str(data), str(workdir)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]


def wait_for(path, *processes):
    """Until the path is there; a process that ends before is a failure."""
    while not path.exists():
        for process in processes:
            assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
