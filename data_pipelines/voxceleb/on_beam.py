"""The clips of a build made by Apache Beam, on whatever Beam runs on; needs the extra `beam`.

Only the work on clips is distributed: each worker reads videos and writes finished clips in the work folder, so the
source and the dataset must stand on a file system that all workers share under the same paths. The shards are then
written by the process that started the build, with the same writer from the same files as without Beam: that is why
the number of workers and the way of building cannot show in them. The workers need this package installed.
"""

import contextlib
import io
import pickle
from collections.abc import Sequence
from pathlib import Path

from data_pipelines.errors import InputError
from data_pipelines.voxceleb.tasks import perform
from data_pipelines.voxceleb.work import Job, unfinished

JOBS_PER_BATCH = 16


def run_on_beam(jobs: Sequence[Job], folder: Path, words: Sequence[str]) -> None:
    """Performs the jobs as a Beam pipeline.

    Args:
        jobs: those that are left.
        folder: the work folder.
        words: Beam's own options, such as `--runner=FlinkRunner`; without a runner Beam takes its DirectRunner.

    Raises:
        InputError: Beam is not installed, or refuses an option.
    """
    try:
        import apache_beam as beam  # pyright: ignore[reportMissingImports] (an extra)
        from apache_beam.options.pipeline_options import PipelineOptions  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "--beam needs Apache Beam: install this package with the extra `beam`, in an environment of its own, "
            "or leave out --beam"
        ) from error
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # Beam's parser prints all of its options before it exits.
            options = PipelineOptions(list(words))
            options.get_all_options()  # Else most are read when the pipeline runs.
            pipeline = beam.Pipeline(options=options)
    except (ValueError, SystemExit) as error:
        reason = str(error) if isinstance(error, ValueError) else said.getvalue().rpartition("error: ")[2].strip()
        raise InputError(f"Beam does not take the options {' '.join(words)}: {reason}") from error
    with pipeline:
        batches = pipeline | "batches" >> beam.Create(write_batches(jobs, folder), reshuffle=True)
        _ = batches | "make their clips" >> beam.Map(perform_batch)


def write_batches(jobs: Sequence[Job], folder: Path) -> list[str]:
    """The paths of files with the jobs: what a pipeline carries itself is limited to some megabytes by the runners."""
    files = []
    for start in range(0, len(jobs), JOBS_PER_BATCH):
        file = folder / f"{start:08}.jobs"
        file.write_bytes(pickle.dumps(list(jobs[start : start + JOBS_PER_BATCH])))
        files.append(str(file))
    return files


def perform_batch(file: str) -> None:
    """Performs the jobs of a file, but for those that an earlier attempt has finished."""
    for job in unfinished(pickle.loads(Path(file).read_bytes())):
        perform(job)
