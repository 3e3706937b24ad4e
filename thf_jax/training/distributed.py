"""Several processes as one run: how they find each other, start together, and end when one of them is gone."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator

import jax

from thf_jax.errors import InputError

ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
"""Environment variables that stand for the options."""
LAUNCHED = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")
"""How many processes `srun` or Open MPI's `mpirun` has started."""
OWN_FAULTS = ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT")
"""Errors of a computation that have nothing to do with the other processes."""
START_AGAIN = "start all of them again, and the run goes on from its newest checkpoint"


class PeersLostError(RuntimeError):
    """The processes of the run no longer work together."""


@contextlib.contextmanager
def joined(coordinator: str = "", processes: int | None = None, process: int | None = None) -> Iterator[None]:
    """Within it this process is one of those of a run, if it was started as one; else nothing happens.

    By SLURM, Open MPI and Cloud TPU (Compute Engine and GKE) JAX is told everything; elsewhere the arguments, or the
    environment variables `JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`, tell it. To be entered
    before JAX looks for devices.

    Args:
        coordinator: `HOST:PORT`, where process 0 can be reached and the port is free.
        processes: how many there are; alone, how many JAX has to find by itself.
        process: the number of this one, from 0.

    Raises:
        InputError: the arguments do not fit together.
        PeersLostError: the processes do not find each other, or a computation of all of them failed. Where JAX itself
            notices that one is gone, this process ends with a sentence and status 1.
    """
    found_by_itself = not (coordinator or os.environ.get(ADDRESS)) and process is None and not os.environ.get(NUMBER)
    given = None if found_by_itself and processes is not None else _given(coordinator, processes, process)
    started = _start(*given) if given else _launched() and _start()
    if processes not in (None, jax.process_count()):
        raise InputError(f"--processes is {processes}, and JAX has found {jax.process_count()}: start all of them")
    if not started:
        yield
        return
    _end_with_a_sentence()
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if str(error).startswith(OWN_FAULTS):
            raise
        raise PeersLostError(
            f"the {jax.process_count()} processes no longer work together ({str(error).splitlines()[0]}); "
            f"if one is gone, {START_AGAIN}"
        ) from error
    jax.distributed.shutdown()


def leave(status: int) -> int:
    """The exit status; after failed work among several processes it ends this one, which else would wait for them."""
    if status and jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _given(coordinator: str, processes: int | None, process: int | None) -> tuple[str, int, int] | None:
    """The arguments, else the environment; None where neither asks for several processes."""
    coordinator = coordinator or os.environ.get(ADDRESS, "")
    processes = _number(COUNT) if processes is None else processes
    process = _number(NUMBER) if process is None else process
    if not coordinator and processes is None and process is None:
        return None
    if not coordinator or processes is None or process is None:
        raise InputError(
            "several processes need --coordinator HOST:PORT, --processes N and --process I (0 to N - 1), all three"
        )
    if not coordinator.rpartition(":")[0] or not coordinator.rpartition(":")[2].isdecimal():
        raise InputError(f"the coordinator is HOST:PORT, such as 10.0.0.1:8476, not {coordinator!r}")
    if not 0 <= process < processes:
        raise InputError(f"there is no process {process} of {processes}: give --process 0 to {max(processes, 1) - 1}")
    return coordinator, processes, process


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "")
    if text and not text.isdecimal():
        raise InputError(f"the environment variable {variable} is a number, not {text!r}")
    return int(text) if text else None


def _launched() -> bool:
    """Whether a launcher has started more than this process.

    One process of `srun` is not asked about: JAX would leave it a single one of its GPUs.
    """
    on_tpu = importlib.util.find_spec("libtpu") is not None and os.environ.get("JAX_PLATFORMS") != "cpu"
    return on_tpu or _launcher_count() > 0


def _launcher_count() -> int:
    """How many processes a launcher has started; 0 if none has started more than one."""
    counts = [os.environ.get(name, "") for name in LAUNCHED]
    return max((int(count) for count in counts if count.isdecimal() and int(count) > 1), default=0)


def _start(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> bool:
    """Whether this process has found the others; False where there is nothing to be found."""
    try:
        jax.distributed.initialize(coordinator, processes, process)
    except jax.errors.JaxRuntimeError as error:
        raise PeersLostError(
            f"the processes do not find each other ({str(error).splitlines()[0]}): is the coordinator's address right, "
            "and were all of them started?"
        ) from error
    except ValueError as error:
        if coordinator is not None:
            raise
        if count := _launcher_count():
            raise InputError(
                f"a launcher has started {count} processes and JAX does not find them: give --coordinator HOST:PORT, "
                "--processes N and --process I"
            ) from error
        return False  # none of the clusters that JAX knows, so this process is alone
    return True


def _end_with_a_sentence() -> None:
    """Have an abort end the process with a sentence and status 1.

    When a process is gone, JAX's coordination service aborts the others from a thread of its own, with a stack trace
    and no exception. A handler of Python's would wait for the main thread, which hangs in a collective: hence C's.
    """

    def end(number: int) -> None:
        os.write(2, f"\nJAX ended this process, most likely because another one is gone: {START_AGAIN}\n".encode())
        os._exit(1)

    _HANDLERS.append(ctypes.CFUNCTYPE(None, ctypes.c_int)(end))
    ctypes.CDLL(None).signal(signal.SIGABRT, _HANDLERS[-1])


_HANDLERS = []
"""What C holds a pointer to must not be collected."""
