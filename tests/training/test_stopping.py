"""A run that a signal asks to stop saves at the next step, and goes on from there."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading

import jax
import pytest

from tests.training.quick import SignalsAt, quick, quick_steps  # noqa: F401
from tests.training.samples import MemoryDataset, assert_equal
from thf_jax.training import checkpoints, preemption
from thf_jax.training.loop import train
from thf_jax.training.preemption import PreemptedError, stop_requests

SETTINGS = {"train.steps": 6, "train.save_every": 4}
THIRD_STEP = 2 * 8 * 2 + 1
"""The frame with which the reading for the third step begins: there are a source and a driving one for each of 8."""


@pytest.fixture
def whole(tmp_path, quick_steps):  # noqa: F811
    return train(quick(**SETTINGS), tmp_path / "whole", MemoryDataset())


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGTERM, PreemptedError), (signal.SIGUSR1, PreemptedError), (signal.SIGINT, KeyboardInterrupt)],
    ids=["SIGTERM", "SIGUSR1", "Ctrl-C"],
)
def test_a_signal_saves_at_the_next_step_and_the_run_goes_on_from_there(tmp_path, whole, number, error):
    handler = signal.getsignal(number)
    with pytest.raises(error):
        train(quick(**SETTINGS), tmp_path / "run", SignalsAt(THIRD_STEP, number))
    assert signal.getsignal(number) is handler
    assert checkpoints.complete_steps(tmp_path / "run")[1] == [3]
    assert_equal(whole, train(quick(**SETTINGS), tmp_path / "run", MemoryDataset()))


def test_a_second_ctrl_c_ends_at_once(tmp_path, quick_steps, capsys):  # noqa: F811
    with pytest.raises(KeyboardInterrupt):
        train(quick(**SETTINGS), tmp_path, SignalsAt(THIRD_STEP, signal.SIGINT, signal.SIGINT))
    assert checkpoints.complete_steps(tmp_path)[1] == []
    assert "Ctrl-C again ends at once" in capsys.readouterr().err


def test_several_processes_stop_after_the_step_that_they_agree_on(monkeypatch):
    """JAX's service decides: it hears of SIGTERM itself, and SIGUSR1 is handed on to it."""
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(preemption.multihost_utils, "reached_preemption_sync_point", lambda call: call == 3)
    monkeypatch.setattr(preemption, "_CALLS", itertools.count(1))
    passed_on = []
    monkeypatch.setattr(os, "kill", lambda *what: passed_on.append(what))
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with stop_requests() as stop:
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
        signal.raise_signal(signal.SIGUSR1)
        assert passed_on == [(os.getpid(), signal.SIGTERM)]
        assert [stop.reached() for _ in range(2)] == [False, False]
        stop.end()
        assert stop.reached()
        with pytest.raises(PreemptedError):
            stop.end()


def test_a_run_in_another_thread_listens_for_nothing():
    seen = []

    def listen():
        with stop_requests() as stop:
            seen.append((stop.reached(), signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


PROCESS = """
import sys, time
import jax
from thf_jax.training.preemption import PreemptedError, stop_requests

address, number = sys.argv[1], int(sys.argv[2])
jax.distributed.initialize(address, 2, number)
print("ready", flush=True)
if sys.argv[3] == "before":  # the signal comes before the first question
    sys.stdin.readline()
    time.sleep(1)
for stage in range(2):
    with stop_requests() as stop:
        step = 1000
        while not stop.reached() and step < (1020 if stage == 0 and sys.argv[3] == "second stage" else 9000):
            step += 1
            print(step, flush=True)
            time.sleep(0.01 * (1 + number))
    try:
        stop.end()
    except PreemptedError:
        print("stopped in stage", stage, "after", step, flush=True)
        break
jax.distributed.shutdown()
"""


@pytest.mark.parametrize("moment", ["before", "first stage", "second stage"])
def test_two_processes_of_which_one_is_signalled_stop_after_the_same_step(moment):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, address, str(number), moment],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    lines = {"before": 1, "first stage": 2, "second stage": 25}[moment]
    try:
        for process in processes:
            for _ in range(lines):
                assert process.stdout.readline()
        processes[1].send_signal(signal.SIGTERM if moment == "before" else signal.SIGUSR1)
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        ends = [process.communicate(timeout=120)[0].splitlines()[-1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    beginning = {"before": "stopped in stage 0 after 1000", "first stage": "stopped in stage 0"}
    assert ends[0] == ends[1] and ends[0].startswith(beginning.get(moment, "stopped in stage 1"))
    assert [process.returncode for process in processes] == [0, 0]
