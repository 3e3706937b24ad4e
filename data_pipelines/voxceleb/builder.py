"""`voxceleb`: talking-head clips from local files, one JPEG frame a record."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data_pipelines import faces, records
from data_pipelines.errors import InputError
from data_pipelines.progress import track
from data_pipelines.sources import LeftOut
from data_pipelines.tensorflow_view import tf_dataset
from data_pipelines.voxceleb import work
from data_pipelines.voxceleb.inputs import ReadyCrops, find_input, single_collection
from data_pipelines.voxceleb.lists import COLLECTIONS
from data_pipelines.voxceleb.on_beam import run_on_beam
from data_pipelines.voxceleb.plan import Plan, make_plan
from data_pipelines.voxceleb.recipe import Recipe
from data_pipelines.voxceleb.tasks import CLIP, LEFT_OUT, Task, read_clip, read_reason

RESOLUTIONS = (64, 128, 256, 512)


@dataclasses.dataclass
class VoxCelebConfig(tfds.core.BuilderConfig):
    """What is in the dataset.

    The side of the frames; the collection that all identities must be of, 'vox1' or 'vox2', None for any; and whether
    each frame has the labels of its face (`data_pipelines.faces`).
    """

    size: int = 256
    collection: str | None = None
    labels: bool = False


@dataclasses.dataclass(frozen=True)
class BuildOptions:
    """How to build: where things stand apart from the source, the recipe, and what does the work.

    `workers` is the number of processes, None as many as there are processors; `beam` are Beam's options where Beam is
    to do it. Neither changes a byte of the dataset. `need_face` leaves out clips in which nobody's face is found, where
    labels are stored.
    """

    metadata: Path | None = None
    videos: Path | None = None
    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    workers: int | None = None
    beam: Sequence[str] | None = None
    need_face: bool = False


def config_name(size: int, collection: str | None, *, labels: bool = False) -> str:
    """The name of a configuration: '256' for clips of any origin, 'vox1_256_labels' for VoxCeleb1's with labels."""
    return (str(size) if collection is None else f"{collection}_{size}") + "_labels" * labels


def _config(size: int, collection: str | None, labels: bool) -> VoxCelebConfig:
    origin = "" if collection is None else f" of {COLLECTIONS[collection]}"
    addition = ", with the labels of their faces" * labels
    return VoxCelebConfig(
        name=config_name(size, collection, labels=labels),
        description=f"Frames of {size} x {size}{origin}{addition}.",
        size=size,
        collection=collection,
        labels=labels,
    )


class Builder(tfds.core.ShardBasedBuilder):
    """Builds the dataset from the folder that `DownloadConfig(manual_dir=...)` names."""

    name = "voxceleb"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS reads a plain list)
        _config(size, collection, labels)
        for labels in (False, True)
        for collection in (None, *COLLECTIONS)
        for size in RESOLUTIONS
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give a folder that holds a folder for each split (train, test, ...) with clips in it: videos, gifs, folders "
        "of frames or strips of frames. Or one with whole videos in the folder videos, and beside it either the text "
        "files of the official release or a csv file of clips."
    )

    def __init__(self, *, options: BuildOptions | None = None, file_format: str | None = None, **place: Any) -> None:
        super().__init__(file_format=file_format, **place)
        if file_format is None and not self.info.initialized:
            self.info.set_file_format(records.FILE_FORMAT, override=True)  # TFDS's own default needs TensorFlow
        self._options = options or BuildOptions()

    @property
    def _config(self) -> VoxCelebConfig:
        if not isinstance(self.builder_config, VoxCelebConfig):
            raise InputError(f"the configuration {self.builder_config} says no size: give a VoxCelebConfig")
        return self.builder_config

    def _info(self) -> tfds.core.DatasetInfo:
        labels = self._config.labels
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({**records.features(), **(faces.features() if labels else {})}),
            metadata=tfds.core.MetadataDict(columns=faces.COLUMNS) if labels else tfds.core.MetadataDict(),
            disable_shuffling=True,
        )

    def download_and_prepare(self, **options: Any) -> None:
        """Builds the dataset, unless it is there; the options are TFDS's."""
        dataset, config = Path(self.data_dir), options.get("download_config")
        again = config is not None and config.download_mode.overwrite_dataset
        if dataset.exists() and not again:
            super().download_and_prepare(**options)
            return
        with work.only_build(dataset, again=again):
            super().download_and_prepare(**options)

    def _download_and_prepare(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig | None = None,
    ) -> None:
        # TFDS has put the dataset into a folder for the time being, beside the one that it will be.
        here = Path(self.data_path)
        with work.work_folder(here.with_name(str(self.version)), keep=here) as self._work:
            super()._download_and_prepare(dl_manager, download_config)
            records.write_checksums(here)

    def _post_download_and_prepare_hook(self) -> None:
        work.remove_work(Path(self.data_path))

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Sequence[records.Shard]]:
        options, config = self._options, self._config
        source = find_input(Path(dl_manager.manual_dir), metadata=options.metadata, videos=options.videos)
        plan = make_plan(source, options.recipe, size=config.size)
        if config.collection is not None:
            _check_collection(plan, config.collection)
        wanted = {"labels": config.labels, "need_face": config.labels and options.need_face}
        jobs = {
            split: work.jobs_for([dataclasses.replace(task, **wanted) for task in tasks], self._work)
            for split, tasks in plan.tasks.items()
        }
        self._perform([job for split in jobs.values() for job in split])
        # TFDS saves the metadata when the last record is written, so the lists in it may still be empty here.
        metadata = records.metadata_of(self)
        metadata.update(left_out=plan.left_out, warnings=plan.warnings)
        if config.labels:
            metadata["need_face"] = options.need_face
        made = {split: _made(jobs[split], plan.left_out) for split in jobs}
        if not any(made.values()):
            count = sum(len(split) for split in jobs.values())
            raise InputError(f"no split has a usable clip among {count}: {plan.left_out[-1]['reason']}")
        for split in made:
            if not made[split]:
                plan.warnings.append(f"the split {split} is absent: none of its {len(jobs[split])} clips is usable")
        if not isinstance(source, ReadyCrops):
            metadata["recipe"] = dataclasses.asdict(options.recipe)
        return {split: self._shards(split, clips) for split, clips in made.items() if clips}

    def _as_dataset(self, split: Any, **options: Any) -> Any:
        if self.info.file_format is tfds.core.FileFormat.ARRAY_RECORD:
            return tf_dataset(self, split, **options)
        return super()._as_dataset(split, **options)

    def _example_writer(self) -> records.RepeatableWriter:
        return records.RepeatableWriter(super()._example_writer().file_format)

    def _perform(self, jobs: Sequence[work.Job]) -> None:
        left = work.unfinished(jobs)
        if self._options.beam is not None:
            run_on_beam(left, self._work, self._options.beam)
            if missing := len(work.unfinished(jobs)):
                raise FileNotFoundError(f"{missing} clips did not arrive in {self._work}: do all workers share it?")
        else:
            work.run_locally(left, workers=self._options.workers or work.processors(), total=len(jobs))

    def _shards(self, split: str, made: Sequence[tuple[Task, Path]]) -> list[records.Shard]:
        clips = (clip for task, file in track(made, total=len(made), label=split) for clip in read_clip(task, file))
        return records.shards(clips, len(made), records.new_index(self, split))


def _made(jobs: Sequence[work.Job], left_out: list[LeftOut]) -> list[tuple[Task, Path]]:
    """The tasks with the files of their clips, without those that go to `left_out`."""
    made = []
    for task, target in jobs:
        if os.path.exists(target + CLIP):
            made.append((task, Path(target + CLIP)))
        else:
            left_out.append(LeftOut(path=task.origin, reason=read_reason(task, Path(target + LEFT_OUT))))
    return made


def _check_collection(plan: Plan, collection: str) -> None:
    identities = {task.identity for tasks in plan.tasks.values() for task in tasks}
    if single_collection(identities) != collection:
        known = COLLECTIONS[collection]
        raise InputError(f"not all identities of the source are of {known}: give a configuration of the size alone")
