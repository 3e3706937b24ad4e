"""Signals that ask a run to stop: it saves at the next step and goes on from there when it is started again."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import jax
from jax.experimental import multihost_utils

_CALLS = itertools.count(1)
"""What JAX's preemption service takes for steps. It wants one more at each call in the life of a process, from 1: steps
of a run begin anywhere, and once more in its next stage, and the service would then wait for one that never comes."""


class PreemptedError(Exception):
    """A signal asked the run to stop. What it has done is saved; the same command goes on from there."""


class StopRequest:
    """Whether a signal has asked this run to stop, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._stopping = False

    def reached(self) -> bool:
        """Whether the run stops here; to be asked before the first step and after each. All get the same answer.

        Of several processes, each may get the signal at another moment: JAX's preemption service then has them agree on
        a call of this that none of them has passed.
        """
        if jax.process_count() == 1:
            self._stopping = self.signal is not None
        else:
            self._stopping = multihost_utils.reached_preemption_sync_point(next(_CALLS))
        return self._stopping

    def end(self) -> None:
        """End the run, once its state is saved; nothing if it was not to stop.

        Raises:
            KeyboardInterrupt: it was asked to stop by Ctrl-C.
            PreemptedError: by another signal.
        """
        if not self._stopping and self.signal is None:
            return
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise PreemptedError("the run was asked to stop; what it has done is saved")


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """What becomes of SIGTERM, of SIGUSR1 (which SLURM sends before the time limit if asked), of SIGHUP and of Ctrl-C.

    A second Ctrl-C ends the run at once. SIGHUP says that the terminal is gone, and is ignored where it was. Of several
    processes JAX listens for SIGTERM itself, and Ctrl-C keeps its usual meaning. Python hands signals to its main
    thread alone; elsewhere nothing is listened for.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(number: int, frame: Any) -> None:
        request.signal = number
        if number == signal.SIGHUP:
            _print_nowhere()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\nsaving after this step; Ctrl-C again ends at once", file=sys.stderr, flush=True)

    def pass_on(number: int, frame: Any) -> None:
        if number == signal.SIGHUP:
            _print_nowhere()
        os.kill(os.getpid(), signal.SIGTERM)

    alone = jax.process_count() == 1
    handlers = dict.fromkeys((signal.SIGUSR1, signal.SIGHUP), ask if alone else pass_on)
    if alone:
        handlers |= dict.fromkeys((signal.SIGTERM, signal.SIGINT), ask)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # as under nohup
        del handlers[signal.SIGHUP]
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield request
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _print_nowhere() -> None:
    """Have nothing written to a terminal that is gone, which would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if os.isatty(stream):
            os.dup2(nowhere, stream)
    os.close(nowhere)
