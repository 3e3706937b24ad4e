"""`voxceleb`: talking-head clips from a local folder, one JPEG frame a record."""

from collections.abc import Mapping, Sequence

import tensorflow_datasets as tfds

from data_pipelines import records
from data_pipelines.sources import LeftOut, encode_clips, find_splits

RESOLUTIONS = (64, 128, 256, 512)


class Builder(tfds.core.ShardBasedBuilder):
    """Builds the dataset from the folder that `DownloadConfig(manual_dir=...)` names."""

    name = "voxceleb"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS reads a plain list)
        tfds.core.BuilderConfig(name=str(size), description=f"Frames of {size} x {size}.") for size in RESOLUTIONS
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give a folder that holds a folder for each split (train, test, ...) with clips in it: "
        "videos, gifs, folders of frames or strips of frames."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=records.features(), metadata=tfds.core.MetadataDict(), disable_shuffling=True
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Sequence[records.Shard]]:
        left_out: list[LeftOut] = []
        splits = find_splits(dl_manager.manual_dir, left_out)
        size = int(self.info.config_name)
        # TFDS saves the metadata when the last record is written, so the lists in it may still be empty here.
        records.metadata_of(self)["left_out"] = left_out
        return {
            split: records.shards(
                encode_clips(paths, split=split, size=size, left_out=left_out),
                len(paths),
                records.new_index(self, split),
            )
            for split, paths in splits.items()
        }
