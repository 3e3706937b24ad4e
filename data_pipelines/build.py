"""`python -m data_pipelines.build DATASET`: builds a dataset on disk."""

import argparse
import sys
from pathlib import Path

import tensorflow_datasets as tfds

from data_pipelines.errors import InputError
from data_pipelines.records import FILE_FORMAT
from data_pipelines.voxceleb import VoxCeleb


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m data_pipelines.build", description="Build a dataset on disk.")
    parser.add_argument("dataset", choices=["voxceleb"])
    parser.add_argument("--source", type=Path)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--resolution", default="256")
    options = parser.parse_args()
    tfds.disable_progress_bar()
    try:
        builder = VoxCeleb(config=options.resolution, data_dir=str(options.data_dir), file_format=FILE_FORMAT)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(options.source)))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Built {builder.data_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
