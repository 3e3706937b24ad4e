"""`python -m data_pipelines.build DATASET`: builds a dataset on disk, whole or not at all."""

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from data_pipelines import moving_heads, voxceleb
from data_pipelines.command import DONE, Parser, run
from data_pipelines.errors import InputError
from data_pipelines.moving_heads.clips import MINIMUM_SIZE
from data_pipelines.records import FILE_FORMAT, metadata_of, read_index

DEFAULT_HEADS = moving_heads.MovingHeads.BUILDER_CONFIGS[0]

MOST_SHOWN = 100
"""Lines of the report about what is left out; the whole of it is in the dataset's metadata."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 the work failed, 2 the input or the options were wrong, 130 interrupted.

    Args:
        arguments: the words of the command line; by default those of the process.
    """
    return run("build", _build_dataset, arguments)


def _build_dataset(words: Sequence[str]) -> int:
    tfds.disable_progress_bar()  # Ours counts clips.
    options = _parser().parse_args(words)
    builder, source = options.prepare(options)
    _build(builder, source)
    _summarise(builder)
    return DONE


def _parser() -> Parser:
    parser = Parser(name="build", description="Build a dataset on disk.")
    datasets = parser.add_subparsers(metavar="DATASET", dest="dataset", required=True)

    clips = datasets.add_parser("voxceleb", help="talking-head clips from files of yours")
    clips.set_defaults(prepare=_prepare_voxceleb)
    _add_common(clips, voxceleb.RESOLUTIONS)
    voxceleb.add_options(clips)

    heads = datasets.add_parser("moving_heads", help="drawn heads, without a source")
    default = DEFAULT_HEADS
    heads.add_argument(
        "--clips", type=int, default=default.clips["train"], help="for training; eval has a sixth as many"
    )
    heads.add_argument("--frames", type=int, default=default.length, help="in each clip")
    heads.add_argument("--seed", type=int, default=default.seed, help="of everything that is drawn")
    heads.add_argument(
        "--occluded", type=int, default=0, metavar="PERCENT", help="of clips in which a hand or microphone passes"
    )
    heads.add_argument("--flow", action="store_true", help="store each frame's exact flow from the clip's first frame")
    heads.set_defaults(prepare=_prepare_moving_heads)
    _add_common(heads)
    return parser


def _add_common(parser: argparse.ArgumentParser, resolutions: Sequence[int] | None = None) -> None:
    parser.add_argument("--data_dir", type=Path, required=True, help="where datasets are built")
    parser.add_argument("--resolution", type=int, default=256, choices=resolutions, help="the side of the frames")


def _prepare_voxceleb(options: argparse.Namespace) -> tuple[tfds.core.DatasetBuilder, Path]:
    for name in ("source", "videos", "metadata", "data_dir"):  # Workers elsewhere have no folder to start from.
        if getattr(options, name) is not None:
            setattr(options, name, getattr(options, name).expanduser().resolve())
    config, build_options = voxceleb.read_options(options)
    return voxceleb.VoxCeleb(config=config, options=build_options, **_place(options)), options.source


def _prepare_moving_heads(options: argparse.Namespace) -> tuple[tfds.core.DatasetBuilder, None]:
    for name, smallest in {"clips": 1, "frames": 2, "seed": 0, "occluded": 0, "resolution": MINIMUM_SIZE}.items():
        if getattr(options, name) < smallest:
            raise InputError(f"--{name} is {getattr(options, name)}: give at least {smallest}")
    if options.occluded > 100:
        raise InputError(f"--occluded is {options.occluded}: give at most 100, a percentage")
    default, name = DEFAULT_HEADS, str(options.resolution)
    if (options.clips, options.frames, options.seed) != (default.clips["train"], default.length, default.seed):
        name += f"_{options.clips}x{options.frames}_seed{options.seed}"
    name += f"_occluded{options.occluded}" * (options.occluded > 0) + "_flow" * options.flow
    config = moving_heads.MovingHeadsConfig(
        name=name,
        size=options.resolution,
        clips={"train": options.clips, "eval": -(-options.clips // 6)},
        length=options.frames,
        seed=options.seed,
        occluded=options.occluded / 100,
        flow=options.flow,
    )
    known = moving_heads.MovingHeads.builder_configs
    return moving_heads.MovingHeads(config=name if name in known else config, **_place(options)), None


def _place(options: argparse.Namespace) -> dict[str, str]:
    return {"data_dir": str(options.data_dir.expanduser()), "file_format": FILE_FORMAT}


def _build(builder: tfds.core.DatasetBuilder, source: Path | None) -> None:
    folder = Path(builder.data_dir)
    if folder.exists():
        raise InputError(f"{folder} is already built: remove it to build it anew, or give another --data_dir")
    config = tfds.download.DownloadConfig(manual_dir=None if source is None else str(source))
    with _nothing_left_behind(folder), tempfile.TemporaryDirectory() as downloads:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"nothing can be written to {folder.parent} ({error.strerror}): give another --data_dir"
            ) from error
        with contextlib.redirect_stdout(io.StringIO()):  # What TFDS prints is said again in the end.
            builder.download_and_prepare(download_dir=downloads, download_config=config)


@contextlib.contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """Where the block fails, removes the folders above `folder` that are new and have nothing else in them."""
    missing = [path for path in folder.parents if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            shutil.rmtree(path / ".config", ignore_errors=True)  # TFDS's note of the default resolution
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _summarise(builder: tfds.core.DatasetBuilder) -> None:
    left_out = metadata_of(builder).get("left_out", [])
    if left_out:
        print(f"left out: {len(left_out)}")
        width = max(len(item["path"]) for item in left_out[:MOST_SHOWN])
        for item in left_out[:MOST_SHOWN]:
            print(f"  {item['path']:{width}}  {item['reason']}")
        if len(left_out) > MOST_SHOWN:
            print(f"  and {len(left_out) - MOST_SHOWN} more: left_out in {Path(builder.data_dir) / 'metadata.json'}")
    for sentence in metadata_of(builder).get("warnings", []):
        print(f"warning: {sentence}")
    for split in builder.info.splits:
        clips = read_index(builder, split)
        frames, identities = sum(clip.length for clip in clips), len({clip.identity for clip in clips})
        print(f"{split}: {len(clips)} clips of {identities} identities, {frames} frames")
    print(f"built {builder.data_dir}")


if __name__ == "__main__":
    sys.exit(main())
