"""The folder of a run belongs to one run at a time, and all processes of that run see the same one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import jax

from thf_jax.errors import InputError
from thf_jax.training.agreement import everyone, of_the_first

LOCK = "run.lock"
"""The file that the first process keeps locked. In it stands a number that this start of the run has drawn."""
PATIENCE = 60.0
"""Seconds until a disk of the network has to show what another machine has written."""
_TAKEN = 0


@contextlib.contextmanager
def claimed(workdir: Path) -> Iterator[None]:
    """Within it the folder, which is made where it is missing, is this run's alone. Processes of a run enter together.

    Two runs in one folder would each delete what the other is writing. Disks that know no locks are taken as they are.

    Raises:
        InputError: another run is at work there, or not all processes see the folder that the first one sees.
    """
    with contextlib.ExitStack() as stack:
        first = jax.process_index() == 0
        drawn = of_the_first(stack.enter_context(_locked(workdir)) if first else _TAKEN, "the workdir")
        if drawn == _TAKEN:
            raise InputError(f"another run is at work in {workdir}: give another workdir, or wait for its end")
        if not everyone(first or _shows(workdir, drawn), "the number in the workdir"):
            raise InputError(
                f"not all processes see the same folder {workdir}: put it on a disk that all machines mount there"
            )
        yield


@contextlib.contextmanager
def _locked(workdir: Path) -> Iterator[int]:
    """The number drawn for this start, or `_TAKEN` where another process has the lock."""
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _TAKEN
            return
        except OSError:  # this disk has no locks
            pass
        drawn = 1 + secrets.randbelow(2**31 - 1)
        file.truncate(0)
        print(drawn, file=file, flush=True)
        os.fsync(file.fileno())
        yield drawn


def _shows(workdir: Path, drawn: int) -> bool:
    """Whether that number is to be read in the folder as this machine sees it, at last."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            if (workdir / LOCK).read_text().strip() == str(drawn):
                return True
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
