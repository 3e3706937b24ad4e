"""The options of `python -m data_pipelines.build voxceleb`."""

import argparse
import dataclasses
from pathlib import Path

from data_pipelines.errors import InputError
from data_pipelines.faces import check_installed
from data_pipelines.voxceleb.builder import BuildOptions, config_name
from data_pipelines.voxceleb.inputs import find_collection, find_input
from data_pipelines.voxceleb.recipe import Recipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what `read_options` reads."""
    parser.add_argument(
        "--source",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder of clips for each split; or whole videos in DIR/videos, and in DIR a csv file or the tracks",
    )
    parser.add_argument(
        "--videos", type=Path, metavar="DIR", help="where the whole videos are, if not in DIR/videos of the source"
    )
    parser.add_argument("--metadata", type=Path, metavar="FILE", help="the csv file of clips, if not in the source")
    parser.add_argument(
        "--labels",
        action="store_true",
        help="store landmarks, embedding and head pose of the face in each frame; needs the extra faces",
    )
    parser.add_argument(
        "--need_face", action="store_true", help="leave out clips without a face in any frame; goes with --labels"
    )
    parser.add_argument("--workers", type=int, help="processes that make clips; by default one for each processor")

    default = Recipe()
    recipe = parser.add_argument_group("how whole videos are cut into clips; the defaults are the published values")
    recipe.add_argument("--min_frames", type=int, default=default.min_frames, help="in a clip")
    recipe.add_argument("--max_frames", type=int, default=default.max_frames, help="in a clip")
    recipe.add_argument("--min_side", type=int, help="pixels of the face's box; by default the resolution")
    recipe.add_argument(
        "--least_overlap", type=float, default=default.least_overlap, help="with the clip's first box, else it ends"
    )
    recipe.add_argument("--enlargement", type=float, default=default.enlargement, help="of the box, at each end")
    recipe.add_argument(
        "--max_outside", type=float, default=default.max_outside, help="share of the crop that may leave the picture"
    )
    recipe.add_argument(
        "--track_height",
        type=int,
        default=default.track_height,
        help="of the picture that tracks' pixels are of; 0: the video's",
    )
    recipe.add_argument("--stretch", action="store_true", help="the boxes of the csv file to squares, as published")

    parser.add_argument(
        "--beam",
        nargs=argparse.REMAINDER,
        metavar="BEAM_OPTION",
        help="make the clips with Apache Beam; all that follows are Beam's own options, such as --runner=FlinkRunner",
    )


def read_options(options: argparse.Namespace) -> tuple[str, BuildOptions]:
    """The name of the configuration, which follows from the identities of the source, and how to build it.

    Raises:
        InputError: a value is out of range, the source cannot be used, or labels need what is not installed.
    """
    if options.need_face and not options.labels:
        raise InputError("--need_face goes with --labels: without them nobody looks for faces")
    if options.labels:
        check_installed()
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Recipe)})
    if options.workers is not None and options.workers < 1:
        raise InputError(f"--workers is {options.workers}: give at least 1")
    source = find_input(options.source, metadata=options.metadata, videos=options.videos)
    name = config_name(options.resolution, find_collection(source), labels=options.labels)
    return name, BuildOptions(
        options.metadata, options.videos, recipe, options.workers, options.beam, need_face=options.need_face
    )
