"""A build that is killed goes on where it was: it loses nothing, repeats nothing, and makes the same bytes."""

import shutil
import signal
import subprocess
import time

from data_pipelines.build import main
from data_pipelines.voxceleb.work import only_build

from .conftest import contents, words_for
from .killed import COMMAND, run_and_kill


def test_killed_build_goes_on_and_repeats_nothing(official_built, official, tmp_path):
    """Twice while it makes clips, and once while it writes the second of three into the shards."""
    moments = ("job 3", "job 2", "clip 1", None)
    made = [run_and_kill(official, tmp_path, dies_before=moment) for moment in moments]
    assert [len(names) for names in made] == [3, 2, 3, 0]
    assert len({name for names in made for name in names}) == 8
    folder = tmp_path / "voxceleb" / "vox1_64"
    assert contents(folder / "1.0.0") == contents(official_built)
    assert [path.name for path in folder.iterdir()] == ["1.0.0"]


def test_build_killed_at_any_time_loses_nothing(official_built, official, tmp_path):
    """Two processes, killed from outside as soon as a clip is finished."""
    work = tmp_path / "voxceleb" / "vox1_64" / "1.0.0.work"
    command = [*COMMAND, *words_for(official, tmp_path), "--workers", "2"]
    status = 0
    for _ in range(5):  # On a busy machine the build may be done before the kill.
        shutil.rmtree(tmp_path / "voxceleb", ignore_errors=True)
        build = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while build.poll() is None and not [*work.glob("*.clip"), *work.glob("*.left_out")]:
            time.sleep(0.01)
        build.kill()
        status = build.wait()
        if status != 0:
            break
    assert status == -signal.SIGKILL
    assert all(path.stat().st_size for pattern in ("*.clip", "*.left_out") for path in work.glob(pattern))
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert contents(work.with_name("1.0.0")) == contents(official_built)
    assert [path.name for path in work.parent.iterdir()] == ["1.0.0"]


def test_second_build_at_the_same_time_is_refused(official, tmp_path, capsys):
    dataset = tmp_path / "voxceleb" / "vox1_64" / "1.0.0"
    with only_build(dataset):
        assert main(["voxceleb", *words_for(official, tmp_path)]) == 2
    assert "is being built by another process" in capsys.readouterr().err
