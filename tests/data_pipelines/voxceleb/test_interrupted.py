"""A build that is killed goes on where it was: it loses nothing, repeats nothing, and makes the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_pipelines.build import main
from data_pipelines.voxceleb.work import work_folder

from .conftest import contents, words_for

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


def test_killed_build_goes_on_and_repeats_nothing(official_built, official, tmp_path):
    made = [run_and_kill(official, tmp_path, dies_before=dies_before) for dies_before in (3, 2, 100)]
    assert [len(names) for names in made] == [3, 2, 3]
    assert len({name for names in made for name in names}) == 8
    folder = tmp_path / "voxceleb" / "vox1_64"
    assert contents(folder / "1.0.0") == contents(official_built)
    assert [path.name for path in folder.iterdir()] == ["1.0.0"]


def test_build_killed_at_any_time_loses_nothing(official_built, official, tmp_path):
    """Two processes, killed from outside as soon as a clip is finished."""
    work = tmp_path / "voxceleb" / "vox1_64" / "1.0.0.work"
    command = [*COMMAND, *words_for(official, tmp_path), "--workers", "2"]
    status = 0
    while status == 0:  # On a busy machine the build may be done before the kill.
        shutil.rmtree(tmp_path / "voxceleb", ignore_errors=True)
        build = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while build.poll() is None and not [*work.glob("*.clip"), *work.glob("*.left_out")]:
            time.sleep(0.01)
        build.kill()
        status = build.wait()
    assert status == -signal.SIGKILL
    assert all(path.stat().st_size for pattern in ("*.clip", "*.left_out") for path in work.glob(pattern))
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert contents(work.with_name("1.0.0")) == contents(official_built)
    assert [path.name for path in work.parent.iterdir()] == ["1.0.0"]


def test_second_build_at_the_same_time_is_refused(official, tmp_path, capsys):
    dataset = tmp_path / "voxceleb" / "vox1_64" / "1.0.0"
    with work_folder(dataset, keep=dataset):
        assert main(["voxceleb", *words_for(official, tmp_path)]) == 2
    assert "is being built by another process" in capsys.readouterr().err


def test_beam_changes_no_byte(official_built, official, tmp_path):
    """Beam finishes what a killed build without it has begun."""
    pytest.importorskip(
        "apache_beam",
        reason="Apache Beam is not installed; in an environment of its own: "
        "pip install '.[beam,dev]' && python -m pytest tests/data_pipelines/voxceleb -k beam",
    )
    assert len(run_and_kill(official, tmp_path, dies_before=3)) == 3
    command = [*COMMAND, *words_for(official, tmp_path), "--beam", "--runner=DirectRunner"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "voxceleb" / "vox1_64" / "1.0.0") == contents(official_built)
