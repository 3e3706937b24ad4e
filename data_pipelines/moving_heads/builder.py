"""`moving_heads` as a TFDS dataset: records as in every dataset here, with each frame's labels beside it."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_pipelines import records
from data_pipelines.errors import InputError
from data_pipelines.moving_heads.clips import FIRST_CLIP, clip_flow, clip_labels, clip_motion, clip_scene, picture
from data_pipelines.moving_heads.labels import LANDMARKS
from data_pipelines.moving_heads.on_the_fly import clip_entry
from data_pipelines.moving_heads.state import EXPRESSION, POSE
from data_pipelines.progress import track

RESOLUTIONS = (64, 128, 256)


@dataclasses.dataclass
class MovingHeadsConfig(tfds.core.BuilderConfig):
    """How large the dataset is: the side of its frames, clips in each split, frames in each clip; and what is in it.

    In a share `occluded` of the clips something passes before the face. With `flow` each record says how its frame
    flows from the first frame of its clip, which takes 9 bytes a pixel and longer to build.
    """

    size: int = 64
    clips: Mapping[str, int] = dataclasses.field(default_factory=lambda: {"train": 96, "eval": 16})
    length: int = 64
    seed: int = 0
    occluded: float = 0.0
    flow: bool = False


class Builder(tfds.core.ShardBasedBuilder):
    """Draws the dataset; nothing is downloaded."""

    name = "moving_heads"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS reads a plain list)
        MovingHeadsConfig(name=str(size), description=f"Frames of {size} x {size}.", size=size) for size in RESOLUTIONS
    ]

    @property
    def _config(self) -> MovingHeadsConfig:
        if not isinstance(self.builder_config, MovingHeadsConfig):
            raise InputError(f"the configuration {self.builder_config} says no size: give a MovingHeadsConfig")
        return self.builder_config

    def _info(self) -> tfds.core.DatasetInfo:
        labels = {
            "pose": tfds.features.Tensor(shape=(len(POSE),), dtype=np.float32),
            "expression": tfds.features.Tensor(shape=(len(EXPRESSION),), dtype=np.float32),
            "landmarks": tfds.features.Tensor(shape=(len(LANDMARKS), 2), dtype=np.float32),
            "visible": tfds.features.Tensor(shape=(len(LANDMARKS),), dtype=np.bool_),
        }
        if self._config.flow:
            shape = (self._config.size, self._config.size)
            labels["flow"] = tfds.features.Tensor(shape=(*shape, 2), dtype=np.float32)
            labels["visibility"] = tfds.features.Tensor(shape=shape, dtype=np.uint8)
        columns = {"pose": POSE, "expression": EXPRESSION, "landmarks": LANDMARKS}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({**records.features(), **labels}),
            metadata=tfds.core.MetadataDict(seed=self._config.seed, occluded=self._config.occluded, columns=columns),
            disable_shuffling=True,
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Sequence[records.Shard]]:
        config = self._config
        return {
            split: records.shards(
                track(_draw_clips(config, FIRST_CLIP[split], count), total=count, label=split),
                count,
                records.new_index(self, split),
            )
            for split, count in config.clips.items()
        }

    def _example_writer(self) -> records.RepeatableWriter:
        return records.RepeatableWriter(super()._example_writer().file_format)


def _draw_clips(config: MovingHeadsConfig, first: int, count: int) -> Iterator[records.ClipFrames]:
    for index in range(first, first + count):
        entry = clip_entry(index, start=0, length=config.length)
        yield records.ClipFrames(entry.name, entry.identity, entry.rate, _draw_frames(config, index))


def _draw_frames(config: MovingHeadsConfig, index: int) -> Iterator[dict[str, Any]]:
    """The columns of each frame of a clip: its picture and its labels."""
    scene = clip_scene(config.seed, index, occluded=config.occluded)
    motion = clip_motion(config.seed, index, length=config.length)
    labels = clip_labels(config.seed, index, length=config.length, occluded=config.occluded)._asdict()
    for time in range(config.length):
        columns = {name: column[time] for name, column in labels.items()}
        if config.flow:
            columns |= _flow_columns(config, index, time)
        image = records.encode_frame(picture(scene, motion.at(time), size=config.size))
        yield {"image": image} | {name: np.float32(x) if x.dtype == float else x for name, x in columns.items()}


def _flow_columns(config: MovingHeadsConfig, index: int, frame: int) -> dict[str, np.ndarray]:
    flow = clip_flow(config.seed, index, source=0, driving=frame, size=config.size, occluded=config.occluded)
    return {"flow": flow.grid, "visibility": flow.visibility.astype(np.uint8)}
