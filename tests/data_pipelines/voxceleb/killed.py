"""A build that dies when it is told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from .conftest import words_for

COMMAND = [sys.executable, "-m", "data_pipelines.build", "voxceleb"]

# The build as a command, which dies where the environment says: with no warning, before its job of that number, or
# before it writes the clip of that number into a shard.
KILLED = """
import os, signal, sys
from data_pipelines import build
from data_pipelines.voxceleb import builder, work

perform, read, calls = work.perform, builder.read_clip, {"job": 0, "clip": 0}

def count(kind):
    if os.environ["DIES_BEFORE"] == f"{kind} {calls[kind]}":
        os.kill(os.getpid(), signal.SIGKILL)
    calls[kind] += 1

def counted_job(job):
    count("job")
    perform(job)
    print("made", job[0].origin, file=sys.__stderr__, flush=True)

def counted_clip(task, file):
    count("clip")
    return read(task, file)

work.perform, builder.read_clip = counted_job, counted_clip
sys.exit(build.main(sys.argv[1:]))
"""


def run_and_kill(source: Path, data_dir: Path, *, dies_before: str | None) -> list[str]:
    """What a build makes before it dies, before 'job 3' or 'clip 1'; None lets it live."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "voxceleb", *words_for(source, data_dir), "--workers", "1"],
        env={**os.environ, "DIES_BEFORE": dies_before or ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == (-signal.SIGKILL if dies_before else 0), done.stderr
    return [line.removeprefix("made ") for line in done.stderr.splitlines() if line.startswith("made ")]
