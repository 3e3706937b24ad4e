"""Face boxes: how a track of them becomes clips, and a box the square that is cut out."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from data_pipelines.errors import InputError


class Box(NamedTuple):
    """A rectangle, x to the right and y downward; its unit is what the owner says."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From the left edge to the right one."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From the upper edge to the lower one."""
        return self.bottom - self.top

    def is_face(self) -> bool:
        """Whether the numbers are finite and enclose something; a tracker that lost the face writes other ones."""
        return all(math.isfinite(value) for value in self) and self.width > 0 and self.height > 0

    def scaled(self, x: float, y: float) -> "Box":
        """The box in a unit of which `x` and `y` go into the old one."""
        return Box(x * self.left, y * self.top, x * self.right, y * self.bottom)

    def union(self, other: "Box") -> "Box":
        """The smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def overlap(self, other: "Box") -> float:
        """Intersection over union, in [0, 1]; both must be faces."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        common = max(width, 0.0) * max(height, 0.0)
        return common / (self.width * self.height + other.width * other.height - common)


class Segment(NamedTuple):
    """Frames `first` to `stop` - 1 of a track, and the union of their boxes."""

    first: int
    stop: int
    box: Box


def segments(track: Iterable[tuple[int, Box]], *, least_overlap: float, max_frames: int) -> Iterator[Segment]:
    """The pieces of a track in which the face stays in place, in order.

    A piece ends before the frame whose box overlaps the piece's first box by less than `least_overlap`, which would
    be the piece's `max_frames` + 1st, whose number does not follow, or whose box is no face. The next piece begins
    with that frame, or, as a frame without a face belongs to no piece, with the next one that has a face. This is the
    rule of the published preprocessing of VoxCeleb for the First Order Motion Model.

    Args:
        track: frame numbers and boxes of one face.
        least_overlap: intersection over union.
        max_frames: in a piece.
    """
    initial: Box | None = None
    piece = Segment(0, 0, Box(0, 0, 0, 0))
    for number, box in track:
        face = box.is_face()
        if initial is not None and not (
            face
            and number == piece.stop
            and number - piece.first < max_frames
            and box.overlap(initial) >= least_overlap
        ):
            yield piece
            initial = None
        if not face:
            continue
        if initial is None:
            initial, piece = box, Segment(number, number + 1, box)
        else:
            piece = Segment(piece.first, number + 1, piece.box.union(box))
    if initial is not None:
        yield piece


def square_within(box: Box, width: int, height: int, *, enlargement: float, max_outside: float) -> Box:
    """The square about the centre of `box` that is cut out of a picture, whole pixels within the picture.

    Its side is that of the box's longer side, enlarged by the share `enlargement` at either end. A square that
    reaches beyond the picture is moved into it, and made smaller where it is larger than the picture.

    Args:
        box: in pixels.
        width: of the picture in pixels.
        height: of the picture in pixels.
        enlargement: 0.1 makes a side of 100 one of 120.
        max_outside: how much of the square's side may stand outside the picture on one side of it.

    Raises:
        InputError: the box touches nothing of the picture, or more than `max_outside` of the square is outside.
    """
    if box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height:
        raise InputError(f"the box is outside the picture of {width} x {height}")
    side = round((1 + 2 * enlargement) * max(box.width, box.height))
    left, top = round((box.left + box.right - side) / 2), round((box.top + box.bottom - side) / 2)
    outside = max(-left, -top, left + side - width, top + side - height)
    if outside > max_outside * side:
        raise InputError(f"the crop of {side} x {side} reaches {outside} pixels beyond the picture")
    side = min(side, width, height)
    left = min(max(round((box.left + box.right - side) / 2), 0), width - side)
    top = min(max(round((box.top + box.bottom - side) / 2), 0), height - side)
    return Box(left, top, left + side, top + side)
