"""The work folder of a build: the clips that are finished, so that a build that was killed goes on where it was.

The folder stands beside the dataset and is removed when the dataset is complete. A build that is started again makes
no clip a second time, unless its video or an option that concerns it has changed since.
"""

import concurrent.futures
import contextlib
import fcntl
import itertools
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from data_pipelines.errors import InputError
from data_pipelines.progress import track
from data_pipelines.voxceleb.tasks import CLIP, LEFT_OUT, UNFINISHED, Task, perform

Job = tuple[Task, str]


@contextlib.contextmanager
def only_build(dataset: Path, *, again: bool = False) -> Iterator[None]:
    """Keeps other processes from building `dataset` within the `with` block: from its first clip until it is in place.

    Args:
        dataset: the folder that the dataset will be.
        again: whether it may be there already, to be replaced.

    Raises:
        InputError: another process builds it, or has built it just now, or no file can be locked there.
    """
    path = dataset.with_name(f"{dataset.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(path)
    except BlockingIOError:
        raise InputError(f"{dataset} is being built by another process: wait for it, or end it") from None
    except OSError as error:
        raise InputError(f"no file can be locked in {path.parent} ({error.strerror}): build elsewhere") from error
    with lock:
        try:
            if dataset.exists() and not again:
                raise InputError(f"{dataset} has just been built by another process: read that")
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> TextIO:
    """The file at `path`, locked and open; its owner alone may remove it."""
    while True:
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        except OSError:
            file.close()
            raise
        file.close()  # Its owner has removed it between the two calls: this one is no longer at `path`.


@contextlib.contextmanager
def work_folder(dataset: Path, *, keep: Path) -> Iterator[Path]:
    """The folder for the finished clips of `dataset`, to be used within `only_build`.

    A failed block leaves it, unless no clip is finished. A successful one leaves it too: see `remove_work`. What killed
    builds of the same dataset left behind is removed.

    Args:
        dataset: the folder that the dataset will be.
        keep: the folder in which this process writes it.
    """
    folder = _folder_of(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    for abandoned in folder.glob(f"*{UNFINISHED}"):
        abandoned.unlink()
    for abandoned in dataset.parent.glob(f"incomplete.*_{dataset.name}"):
        if abandoned != keep:
            shutil.rmtree(abandoned)
    try:
        yield folder
    except BaseException:
        if next(folder.glob(f"*{CLIP}"), None) is None:
            shutil.rmtree(folder)
        raise


def remove_work(dataset: Path) -> None:
    """Removes the work folder of a dataset that is complete."""
    shutil.rmtree(_folder_of(dataset), ignore_errors=True)


def jobs_for(tasks: Sequence[Task], folder: Path) -> list[Job]:
    """Each task with the place of its result in the work folder."""
    return [(task, str(folder / task.key())) for task in tasks]


def unfinished(jobs: Sequence[Job]) -> list[Job]:
    """Those whose result is not there yet."""
    return [job for job in jobs if not os.path.exists(job[1] + CLIP) and not os.path.exists(job[1] + LEFT_OUT)]


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_locally(jobs: Sequence[Job], *, workers: int, total: int) -> None:
    """Performs the jobs in `workers` processes; one worker is the calling process itself.

    Args:
        jobs: those that are left.
        workers: number of processes.
        total: number of all jobs, for the progress.
    """
    done = itertools.repeat(None, total - len(jobs))
    for _ in track(itertools.chain(done, _performed(jobs, workers)), total=total, label="clips"):
        pass


def _performed(jobs: Sequence[Job], workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(perform, jobs)
        return
    # Neither fork, which a process with threads does not survive, nor a new interpreter for every worker.
    context = multiprocessing.get_context("forkserver")
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_the_parent)
    try:
        yield from _completed(pool, jobs, ahead=4 * workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _completed(pool: concurrent.futures.Executor, jobs: Iterable[Job], *, ahead: int) -> Iterator[None]:
    """None for every job that is done, in whatever order; at most `ahead` are handed out at a time."""
    jobs = iter(jobs)
    pending = {pool.submit(perform, job) for job in itertools.islice(jobs, ahead)}
    while pending:
        done, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
        pending |= {pool.submit(perform, job) for job in itertools.islice(jobs, len(done))}
        for future in done:
            yield future.result()


def _follow_the_parent() -> None:
    """Leaves it to the build to be interrupted, and ends this worker when the build is killed.

    Else a worker would break off its clip before the build could wait for it, or wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _folder_of(dataset: Path) -> Path:
    return dataset.with_name(f"{dataset.name}.work")
