"""Two real processes that have something to agree on, and one that has nobody."""

import socket
import subprocess
import sys

import numpy as np
import pytest

from thf_jax.errors import InputError
from thf_jax.training import claim
from thf_jax.training.agreement import check_alike, everyone, of_the_first
from thf_jax.training.checkpoints import _of_all
from thf_jax.training.claim import claimed

PROCESS = """
import sys
from pathlib import Path
import jax
import numpy as np
from thf_jax.errors import InputError
from thf_jax.training import claim
from thf_jax.training.agreement import check_alike, everyone, fingerprint, of_the_first
from thf_jax.training.checkpoints import _of_all
from thf_jax.training.claim import claimed

address, number, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
jax.distributed.initialize(address, 2, number)
claim.PATIENCE = 1.0

def refused(action, *arguments, **named):
    try:
        action(*arguments, **named)
    except InputError as error:
        return str(error)

def enter(workdir):
    with claimed(workdir):
        pass

def read():
    if number == 1:
        raise ValueError("cut short")
    return "read"

said = [
    of_the_first(7 + number, "a"),
    [everyone(True, "b"), everyone(number == 0, "c")],
    refused(check_alike, configuration="same", clips="same"),
    refused(check_alike, configuration="same", clips=str(number)),
    fingerprint({"a": np.zeros(3)}) == fingerprint({"a": np.array([0.0, 0.0, 1.0])}),
    _of_all(read),
    refused(enter, folder / "shared"),
    refused(enter, folder / str(number)),
]
for line in said:
    print("said:", line)
jax.distributed.shutdown()
"""


def test_two_processes_act_alike(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    command = [sys.executable, "-c", PROCESS, address]
    processes = [
        subprocess.Popen([*command, str(number), str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0]
    for number, output in enumerate(outputs):
        lines = [line.removeprefix("said: ") for line in output.splitlines() if line.startswith("said: ")]
        assert lines == [
            "7",
            "[True, False]",
            "None",
            "process 1 differs from process 0 in its clips: give all of them the same",
            "False",
            str((None, ["another process cannot read it", "cut short"][number])),
            "None",
            f"not all processes see the same folder {tmp_path / str(number)}: "
            "put it on a disk that all machines mount there",
        ]


def test_a_process_alone_agrees_with_itself():
    assert of_the_first(5, "a") == 5
    assert everyone(True, "b") and not everyone(False, "c")
    check_alike(configuration="whatever")
    assert _of_all(np.add, 1, 2) == (3, "")


HOLD = """
import sys, time
from pathlib import Path
from thf_jax.training.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_of_one_run_at_a_time(tmp_path):
    workdir = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(workdir)], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(InputError, match=r"another run is at work in .*run: give another workdir"):
                claimed(workdir).__enter__()
            with claimed(tmp_path / "other"):
                pass
        finally:
            other.kill()
    with claimed(workdir):  # whoever is killed holds nothing
        assert (workdir / claim.LOCK).is_file()
