"""What counts as finished, and that workers do not outlive their build."""

import dataclasses
import errno
import os
import subprocess
import sys
import time

import av
import pytest
from av.error import err_check

from data_pipelines.errors import InputError
from data_pipelines.voxceleb import on_beam, work
from data_pipelines.voxceleb import tasks as tasks_module
from data_pipelines.voxceleb.tasks import Task, perform, read_clip, read_reason

from .conftest import head_frames, write_video


@pytest.fixture
def task(tmp_path):
    path = write_video(tmp_path / "anna_1.mp4", head_frames(0, 3))
    return Task("anna_1", "anna", "train", "train/anna_1.mp4", path, 16)


def test_finished_work_is_read_back(task, tmp_path):
    ((_, target),) = jobs = work.jobs_for([task], tmp_path)
    assert work.unfinished(jobs) == jobs
    perform(jobs[0])
    assert work.unfinished(jobs) == []
    (clip,) = read_clip(task, tmp_path / f"{os.path.basename(target)}.clip")
    assert (clip.name, clip.identity, clip.rate) == ("anna_1", "anna", 25)
    for clip in read_clip(task, tmp_path / f"{os.path.basename(target)}.clip"):
        assert [{name: value[:2] for name, value in frame.items()} for frame in clip.frames] == [
            {"image": b"\xff\xd8"}
        ] * 3


def test_what_changes_the_work_changes_its_name(task):
    key = task.key()
    assert key == dataclasses.replace(task).key()
    assert key != dataclasses.replace(task, size=32).key()
    assert key != dataclasses.replace(task, labels=True).key()
    os.utime(task.path, (1, 1))
    assert key != task.key()
    key = task.key()
    task.path.write_bytes(task.path.read_bytes() + b"x")
    os.utime(task.path, (1, 1))
    assert key != task.key()


def test_reason_names_no_path(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("no video")
    (job,) = work.jobs_for([Task("a", "a", "train", "train/a.mp4", path, 16)], tmp_path)
    perform(job)
    reason = (tmp_path / f"{os.path.basename(job[1])}.left_out").read_text()
    assert reason.startswith("the file cannot be read as a video")
    assert str(tmp_path) not in reason


def test_failed_block_keeps_finished_clips_only(tmp_path):
    dataset = tmp_path / "1.0.0"
    for finished, remains in [(False, False), (True, True)]:
        with pytest.raises(OSError, match="disk"), work.work_folder(dataset, keep=dataset) as folder:
            (folder / "b.left_out").touch()
            if finished:
                (folder / "a.clip").touch()
            raise OSError("disk full")
        assert (tmp_path / "1.0.0.work" / "b.left_out").exists() == remains


def test_what_killed_builds_leave_is_removed(tmp_path):
    for name in ("1.0.0.work/x.part", "incomplete.ABC_1.0.0/shard", "incomplete.NEW_1.0.0/shard", "2.0.0/shard"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    with work.work_folder(tmp_path / "1.0.0", keep=tmp_path / "incomplete.NEW_1.0.0") as folder:
        assert [path.name for path in folder.iterdir()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.0.0.work", "2.0.0", "incomplete.NEW_1.0.0"]


# A build whose two workers have nothing to do; it says who they are.
IDLE = """
import concurrent.futures, multiprocessing, os, sys, time
from data_pipelines.voxceleb.work import _follow_the_parent

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    pool = concurrent.futures.ProcessPoolExecutor(2, mp_context=context, initializer=_follow_the_parent)
    print(*{pool.submit(os.getpid).result() for _ in range(4)}, flush=True)
    time.sleep(60)
"""


def test_workers_end_with_a_killed_build(tmp_path):
    (tmp_path / "idle.py").write_text(IDLE)
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    build = subprocess.Popen([sys.executable, tmp_path / "idle.py"], stdout=subprocess.PIPE, text=True, env=environment)
    assert build.stdout is not None
    workers = [int(word) for word in build.stdout.readline().split()]
    assert workers and all(os.path.exists(f"/proc/{worker}") for worker in workers)
    build.kill()
    build.wait()
    build.stdout.close()
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{worker}") for worker in workers) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)


def test_batches_for_beam_hold_every_job_once(task, tmp_path, monkeypatch):
    monkeypatch.setattr(on_beam, "JOBS_PER_BATCH", 2)
    tasks = [dataclasses.replace(task, name=str(number)) for number in range(5)]
    jobs = work.jobs_for(tasks, tmp_path)
    files = on_beam.write_batches(jobs, tmp_path)
    assert len(files) == 3
    perform(jobs[1])
    first = os.stat(jobs[1][1] + ".clip")
    for file in files:
        on_beam.perform_batch(file)
    assert work.unfinished(jobs) == []
    assert os.stat(jobs[1][1] + ".clip").st_mtime_ns == first.st_mtime_ns


def test_error_names_the_clip(task, tmp_path, monkeypatch):
    def fail(frame):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks_module, "encode_frame", fail)
    (job,) = work.jobs_for([task], tmp_path / "work")
    (tmp_path / "work").mkdir()
    with pytest.raises(RuntimeError, match=r"train/anna_1.mp4: OSError: \[Errno 28\] No space left on device"):
        perform(job)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ENOMEM])
def test_trouble_of_the_machine_leaves_no_clip_out(task, tmp_path, monkeypatch, number):
    def fail(path, **_):
        err_check(-number, path)

    monkeypatch.setattr(av, "open", fail)
    (tmp_path / "work").mkdir()
    (job,) = work.jobs_for([task], tmp_path / "work")
    with pytest.raises(RuntimeError, match=f"train/anna_1.mp4: .*{os.strerror(number)}"):
        perform(job)
    assert list((tmp_path / "work").iterdir()) == []


def test_video_that_has_gone_is_not_left_out(task, tmp_path):
    (tmp_path / "work").mkdir()
    (job,) = work.jobs_for([task], tmp_path / "work")
    task.path.unlink()
    with pytest.raises(RuntimeError, match=r"train/anna_1.mp4: FileNotFoundError"):
        perform(job)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_clip_that_was_cut_off_is_removed(task, tmp_path, share):
    (job,) = jobs = work.jobs_for([task], tmp_path)
    perform(job)
    file = tmp_path / f"{os.path.basename(job[1])}.clip"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RuntimeError, match=r"train/anna_1.mp4: .* was cut off and is removed"):
        [list(clip.frames) for clip in read_clip(task, file)]
    assert work.unfinished(jobs) == jobs
    perform(job)
    assert file.read_bytes() == whole


def test_reason_that_was_cut_off_is_removed(task, tmp_path):
    file = tmp_path / "a.left_out"
    file.touch()
    with pytest.raises(RuntimeError, match=r"train/anna_1.mp4: .* was cut off and is removed"):
        read_reason(task, file)
    assert not file.exists()


def test_each_frame_of_a_folder_counts(task, tmp_path, save_frames, plain, monkeypatch):
    task = dataclasses.replace(task, path=save_frames(tmp_path / "frames", plain(3)))
    keys = [task.key()]
    frame = sorted(task.path.iterdir())[1]
    before, folder = frame.stat(), task.path.stat()
    frame.write_bytes(frame.read_bytes() + b"x")
    os.utime(frame, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(task.path, ns=(folder.st_atime_ns, folder.st_mtime_ns))
    keys.append(task.key())
    os.utime(frame, (1, 1))
    keys.append(task.key())
    frame.rename(frame.with_stem("another"))
    keys.append(task.key())
    for name in ("JPEG_QUALITY", "WORK_FORMAT"):
        monkeypatch.setattr(tasks_module, name, 1)
        keys.append(task.key())
    assert len(set(keys)) == 6


def refused(dataset, sentence):
    with pytest.raises(InputError, match=sentence), work.only_build(dataset):
        pass


def test_one_process_builds_a_dataset(tmp_path, monkeypatch):
    dataset = tmp_path / "256" / "1.0.0"
    with work.only_build(dataset):
        refused(dataset, "is being built by another process")
    assert list(dataset.parent.iterdir()) == []
    with work.only_build(dataset):
        dataset.mkdir()
    refused(dataset, "has just been built by another process")
    dataset.rmdir()

    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(work.fcntl, "flock", fail)
    refused(dataset, r"no file can be locked in .* \(No locks available\)")


def test_lock_that_its_owner_has_removed_is_taken_anew(tmp_path, monkeypatch):
    path, calls, flock = tmp_path / "1.0.0.lock", [], work.fcntl.flock

    def removed_once(file, how):
        calls.append(file)
        flock(file, how)
        if len(calls) == 1:
            path.unlink()

    monkeypatch.setattr(work.fcntl, "flock", removed_once)
    with work.only_build(tmp_path / "1.0.0"):
        assert path.exists() and len(calls) == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to processors")
def test_processors_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert work.processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
