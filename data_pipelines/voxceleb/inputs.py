"""The three kinds of source that the dataset is built from, and how to tell which one a folder is."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from data_pipelines.clips import VIDEO_SUFFIXES
from data_pipelines.errors import InputError
from data_pipelines.voxceleb.lists import COLLECTIONS, collection_of
from data_pipelines.voxceleb.metadata import read_metadata
from data_pipelines.voxceleb.tracks import Track


class ReadyCrops(NamedTuple):
    """A folder of clips for each split."""

    folder: Path


class OfficialTracks(NamedTuple):
    """The text files of the official release, and a folder of whole videos."""

    folder: Path
    videos: Path


class Metadata(NamedTuple):
    """A csv file with a clip a row, and a folder of whole videos."""

    file: Path
    videos: Path


Input = ReadyCrops | OfficialTracks | Metadata


def find_input(source: Path, *, metadata: Path | None = None, videos: Path | None = None) -> Input:
    """What there is to build from: whole videos where there is a folder of them, else ready crops.

    Args:
        source: a folder with a folder of ready crops for each split, or with whole videos in `videos` and beside it
            either one csv file or the text files of the official release (`IDENTITY/VIDEO/TRACK.txt`, at any depth).
        metadata: a csv file that stands elsewhere.
        videos: a folder of whole videos that stands elsewhere.

    Raises:
        InputError: there is no such folder or file, nothing says what to cut out of the videos, or two things do.
    """
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: --source wants one of ready crops, of tracks or of metadata")
    if metadata is None and videos is None and not (source / "videos").is_dir():
        return ReadyCrops(source)
    folder = source / "videos" if videos is None else videos
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} with whole videos: give --videos")
    if metadata is not None:
        return Metadata(_existing(metadata), folder)
    tables, tracks = sorted(source.glob("*.csv")), next(_track_files(source), None)
    names = [table.name for table in tables] + (["tracks"] if tracks else [])
    if len(names) != 1:
        found = " and ".join(names) or "neither a csv file nor IDENTITY/VIDEO/TRACK.txt files"
        raise InputError(f"the source {source} holds {found}: name what says what to cut out by --metadata")
    return OfficialTracks(source, folder) if tracks else Metadata(tables[0], folder)


def find_tracks(folder: Path) -> list[Track]:
    """All tracks in `folder`, by identity, video and name."""
    found = sorted((path.parts[-3:], path) for path in _track_files(folder))
    return [Track(identity, video, path.stem, path) for (identity, video, _), path in found]


def _track_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.txt") if len(path.relative_to(folder).parts) > 2)


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise InputError(f"there is no file {file}: --metadata wants a csv file")
    return file


def find_videos(folder: Path) -> dict[str, Path]:
    """The videos of a folder by their names without suffix, which are their ids."""
    paths = sorted((path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES), reverse=True)
    return {path.stem: path for path in paths}


def wanted_videos(source: Input) -> list[str]:
    """The ids of the videos that the tracks or the metadata name, sorted; none for ready crops."""
    if isinstance(source, OfficialTracks):
        return sorted({track.video for track in find_tracks(source.folder)})
    if isinstance(source, Metadata):
        return sorted({row.video for row in read_metadata(source.file, [])})
    return []


def find_collection(source: Input) -> str | None:
    """'vox1' or 'vox2' where tracks or metadata name its identities, None for ready crops and for others.

    Raises:
        InputError: they name identities of both.
    """
    if isinstance(source, OfficialTracks):
        return single_collection({track.identity for track in find_tracks(source.folder)})
    if isinstance(source, Metadata):
        return single_collection({row.identity for row in read_metadata(source.file, [])})
    return None


def single_collection(identities: Iterable[str]) -> str | None:
    """The collection that all the identities are of, or None where one is of none.

    Raises:
        InputError: some are of the one and some of the other.
    """
    examples = {collection_of(identity): identity for identity in sorted(identities)}
    if COLLECTIONS.keys() <= examples.keys():
        raise InputError(
            f"the source has {examples['vox1']}, who is in VoxCeleb1, and {examples['vox2']}, who is in VoxCeleb2: "
            "build each collection from a source of its own"
        )
    return None if None in examples or not examples else next(iter(examples))
