"""A build that dies when it is told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from .conftest import words_for

COMMAND = [sys.executable, "-m", "data_pipelines.build", "voxceleb"]

# The build as a command, which dies where the environment says: with no warning, before its job of that number.
KILLED = """
import os, signal, sys
from data_pipelines import build
from data_pipelines.voxceleb import work

perform, calls = work.perform, 0

def counted(job):
    global calls
    if calls == int(os.environ["DIES_BEFORE"]):
        os.kill(os.getpid(), signal.SIGKILL)
    calls += 1
    perform(job)
    print("made", job[0].origin, file=sys.__stderr__, flush=True)

work.perform = counted
sys.exit(build.main(sys.argv[1:]))
"""


def run_and_kill(source: Path, data_dir: Path, *, dies_before: int) -> list[str]:
    """What a build made before it died, or before it was done where it has fewer jobs."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "voxceleb", *words_for(source, data_dir), "--workers", "1"],
        env={**os.environ, "DIES_BEFORE": str(dies_before)},
        capture_output=True,
        text=True,
    )
    made = [line.removeprefix("made ") for line in done.stderr.splitlines() if line.startswith("made ")]
    assert done.returncode == (-signal.SIGKILL if len(made) == dies_before else 0), done.stderr
    return made
