"""The clips of a build made by Apache Beam, on whatever Beam runs on; needs the extra `beam`.

Only the work on clips is distributed: each worker reads videos and writes finished clips in the work folder, so the
source and the dataset must stand on a file system that all workers share under the same paths. The shards are then
written by the process that started the build, with the same writer from the same files as without Beam: that is why
the number of workers and the way of building cannot show in them. The workers need this package installed.
"""

from collections.abc import Sequence

from data_pipelines.errors import InputError
from data_pipelines.voxceleb.tasks import perform
from data_pipelines.voxceleb.work import Job


def run_on_beam(jobs: Sequence[Job], words: Sequence[str]) -> None:
    """Performs the jobs as a Beam pipeline.

    Args:
        jobs: those that are left.
        words: Beam's own options, such as `--runner=FlinkRunner`; without a runner Beam takes its DirectRunner.

    Raises:
        InputError: Beam is not installed, or refuses an option.
    """
    try:
        import apache_beam as beam  # pyright: ignore[reportMissingImports] (an extra)
        from apache_beam.options.pipeline_options import PipelineOptions  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "--beam needs Apache Beam: install thf-jax[beam] into an environment of its own, or leave out --beam"
        ) from error
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(list(words)))
    except (ValueError, SystemExit) as error:
        raise InputError(f"Beam does not take the options {' '.join(words)} ({error})") from error
    with pipeline:
        clips = pipeline | "clips to make" >> beam.Create(list(jobs), reshuffle=True)
        _ = clips | "make each" >> beam.Map(perform)
