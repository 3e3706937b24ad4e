"""From a source to the tasks of a build: every clip of every split, in the order in which the dataset has them."""

import collections
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from data_pipelines.clips import clip_name
from data_pipelines.errors import InputError
from data_pipelines.sources import LeftOut, check_split_name, find_splits, identity_of
from data_pipelines.voxceleb.cuts import Cut
from data_pipelines.voxceleb.inputs import Input, Metadata, OfficialTracks, find_tracks, find_videos
from data_pipelines.voxceleb.lists import official_split
from data_pipelines.voxceleb.metadata import read_metadata, row_cut
from data_pipelines.voxceleb.recipe import Recipe
from data_pipelines.voxceleb.tasks import Task
from data_pipelines.voxceleb.tracks import track_cuts


class Plan(NamedTuple):
    """The tasks of each split; what is left out before any picture is read; and sentences of warning."""

    tasks: dict[str, list[Task]]
    left_out: list[LeftOut]
    warnings: list[str]


def make_plan(source: Input, recipe: Recipe, *, size: int) -> Plan:
    """What to do in order to build the dataset from `source`.

    Raises:
        InputError: there is nothing to build from, a split has a name that TFDS cannot have, or the metadata put an
            identity into two splits.
    """
    left_out: list[LeftOut] = []
    named: set[str] = set()  # the splits that the source speaks of
    if isinstance(source, OfficialTracks):
        tasks = _from_tracks(source, recipe, size, left_out, named)
    elif isinstance(source, Metadata):
        tasks = _from_metadata(source, recipe, size, left_out, named)
    else:
        splits = _from_crops(source.folder, size, left_out)
        return Plan(splits, left_out, [*_shared(splits)])
    splits = _by_split(tasks, left_out)
    if not splits:
        reason = f": {left_out[-1]['path']}: {left_out[-1]['reason']}" if left_out else ""
        raise InputError(f"nothing can be cut out of the videos in {source.videos}{reason}")
    for sentence in _shared(splits):
        raise InputError(f"{sentence}: keep each identity in one")
    absent = sorted(named - splits.keys())
    return Plan(splits, left_out, [f"the split {split} is absent: nothing can be cut out for it" for split in absent])


def _from_crops(folder: Path, size: int, left_out: list[LeftOut]) -> dict[str, list[Task]]:
    return {
        split: [
            Task(clip_name(path), identity_of(path), split, f"{split}/{path.name}", path, size, None) for path in paths
        ]
        for split, paths in find_splits(folder, left_out).items()
    }


def _from_tracks(
    source: OfficialTracks, recipe: Recipe, size: int, left_out: list[LeftOut], named: set[str]
) -> Iterator[Task]:
    tracks = find_tracks(source.folder)
    named |= {official_split(track.identity) for track in tracks}
    videos = find_videos(source.videos)
    _report_missing((track.video for track in tracks), videos, left_out)
    for track in tracks:
        if track.video in videos:
            for cut in track_cuts(track, recipe, size=size, left_out=left_out):
                name = f"{track.identity}#{track.video}#{track.name}#{cut.first:06}#{cut.stop:06}"
                place = f"{track.identity}/{track.video}/{track.name}/{cut.first}-{cut.stop}"
                split = official_split(track.identity)
                yield Task(name, track.identity, split, place, videos[track.video], size, cut)


def _from_metadata(
    source: Metadata, recipe: Recipe, size: int, left_out: list[LeftOut], named: set[str]
) -> Iterator[Task]:
    rows = sorted(read_metadata(source.file, left_out), key=lambda row: (row.identity, row.video, row.start, row.end))
    named |= {row.split for row in rows}
    videos = find_videos(source.videos)
    _report_missing((row.video for row in rows), videos, left_out)
    for row in rows:
        if row.video in videos:
            name = f"{row.identity}#{row.video}#{row.start:06}#{row.end:06}"
            try:
                cut: Cut = row_cut(row, recipe, size=size)
            except InputError as error:
                left_out.append(LeftOut(path=row.place, reason=str(error)))
            else:
                yield Task(name, row.identity, row.split, row.place, videos[row.video], size, cut)


def _report_missing(wanted: Iterable[str], videos: Mapping[str, Path], left_out: list[LeftOut]) -> None:
    for video, count in sorted(collections.Counter(wanted).items()):
        if video not in videos:
            plural = "s" * (count != 1)
            left_out.append(LeftOut(path=video, reason=f"the video is missing, and {count} track{plural} with it"))


def _by_split(tasks: Iterable[Task], left_out: list[LeftOut]) -> dict[str, list[Task]]:
    """The tasks of each split by name, without those that come a second time."""
    splits: dict[str, list[Task]] = {}
    names: set[str] = set()
    for task in tasks:
        if task.name in names:
            left_out.append(LeftOut(path=task.origin, reason="the clip is named twice"))
            continue
        names.add(task.name)
        splits.setdefault(task.split, []).append(task)
    for split in splits:
        check_split_name(split)
    return dict(sorted(splits.items()))


def _shared(splits: Mapping[str, list[Task]]) -> Iterator[str]:
    """A sentence where an identity is in two splits."""
    homes: dict[str, set[str]] = collections.defaultdict(set)
    for split, tasks in splits.items():
        for task in tasks:
            homes[task.identity].add(split)
    shared = {identity: sorted(found) for identity, found in sorted(homes.items()) if len(found) > 1}
    if shared:
        identity, found = next(iter(shared.items()))
        others = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
        yield f"the identity {identity}{others} stands in the splits {' and '.join(found)}"
