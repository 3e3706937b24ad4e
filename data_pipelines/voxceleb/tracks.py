"""The official release of VoxCeleb: text files with the frame numbers and face boxes of every track.

`IDENTITY/VIDEO/TRACK.txt` has a few lines of the form `name : value`, then the line `FRAME X Y W H` and a line for each
frame, tab-separated; frames are numbered at 25 a second from the beginning of the video. The boxes of VoxCeleb1 are in
pixels of a picture that is 360 high, those of VoxCeleb2 in shares of the picture's width and height. Which of the two
it is shows in the numbers: no face is two pixels large, and none twice the picture. (Both facts are those of the
published preprocessing script, github.com/AliaksandrSiarohin/video-preprocessing.)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_pipelines.errors import InputError
from data_pipelines.sources import LeftOut
from data_pipelines.voxceleb.boxes import Box, segments
from data_pipelines.voxceleb.cuts import Cut
from data_pipelines.voxceleb.recipe import Recipe

COLUMNS = ("FRAME", "X", "Y", "W", "H")
SHARES = (1.0, 1.0)
LARGEST_SHARE = 2.0


class Track(NamedTuple):
    """A text file of the release, by its place in it."""

    identity: str
    video: str
    name: str
    path: Path


def track_cuts(track: Track, recipe: Recipe, *, size: int, left_out: list[LeftOut]) -> Iterator[Cut]:
    """The clips of a track in order; what makes none goes to `left_out`."""
    place = f"{track.identity}/{track.video}/{track.name}"
    try:
        boxes = read_track(track.path)
    except InputError as error:
        left_out.append(LeftOut(path=place, reason=str(error).replace(f" {track.path}", "")))
        return
    faces = [box for _, box in boxes if box.is_face()]
    if not faces:
        left_out.append(LeftOut(path=place, reason=f"no face in any of its {len(boxes)} frames"))
        return
    in_shares = max(max(box.width, box.height) for box in faces) <= LARGEST_SHARE
    for piece in segments(boxes, least_overlap=recipe.least_overlap, max_frames=recipe.max_frames):
        count = piece.stop - piece.first
        if count < recipe.min_frames:
            reason = f"the face stays in place for {count} frames, at least {recipe.min_frames} are needed"
            left_out.append(LeftOut(path=f"{place}/{piece.first}-{piece.stop}", reason=reason))
            continue
        yield Cut(
            piece.first,
            piece.stop,
            piece.box,
            SHARES if in_shares else (None, recipe.track_height or None),
            min_frames=recipe.min_frames,
            min_side=recipe.min_side or size,
            enlargement=recipe.enlargement,
            max_outside=recipe.max_outside,
        )


def read_track(path: Path) -> list[tuple[int, Box]]:
    """Frame numbers and boxes, as they stand in the file; a lost face may come as a box of no size.

    Raises:
        InputError: the file cannot be read as a track.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:  # An OSError is no fault of the track, and stops the build.
        raise InputError(f"the track {path} cannot be read as text") from error
    heads = [number for number, line in enumerate(lines) if tuple(line.split()) == COLUMNS]
    if not heads:
        raise InputError(f"the track {path} has no line {' '.join(COLUMNS)}")
    boxes = []
    for number, line in enumerate(lines[heads[0] + 1 :], start=heads[0] + 2):
        if not line.strip():
            continue
        try:
            frame, (x, y, w, h) = int(line.split()[0]), map(float, line.split()[1:])
        except ValueError as error:
            raise InputError(f"the track {path} has no frame and box in line {number}: {line.strip()!r}") from error
        boxes.append((frame, Box(x, y, x + w, y + h)))
    if any(frame < 0 for frame, _ in boxes):
        raise InputError(f"the track {path} has a frame of a negative number")
    return boxes
