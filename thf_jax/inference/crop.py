"""Where a model looks in a picture, and the way back."""

import dataclasses

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from data_pipelines.images import resize

Picture = UInt8[np.ndarray, "h w 3"]

FEATHER = 1 / 16
"""The share of a box's side over which a pasted picture fades in."""


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows top to top + height, columns left to left + width."""

    top: int
    left: int
    height: int
    width: int


def whole(height: int, width: int) -> Box:
    """All of a picture: what the published demos take, squashed into a square."""
    return Box(0, 0, height, width)


def centred_square(height: int, width: int) -> Box:
    """The largest square in the middle of a picture. Where it cannot be centred, it stands half a pixel up or left."""
    side = min(height, width)
    return Box((height - side) // 2, (width - side) // 2, side, side)


def box_of(picture: Picture, *, crop: bool) -> Box:
    """Where the model looks in the picture: at the centred square, or at all of it."""
    height, width = picture.shape[:2]
    return centred_square(height, width) if crop else whole(height, width)


def look(picture: Picture, size: int, *, crop: bool) -> UInt8[np.ndarray, "size size 3"]:
    """What the model sees of the picture."""
    return resize(cut(picture, box_of(picture, crop=crop)), size)


def cut(picture: Picture, box: Box) -> UInt8[np.ndarray, "y x 3"]:
    """The part of the picture in the box; a view, not a copy."""
    return picture[box.top : box.top + box.height, box.left : box.left + box.width]


def paste(picture: Picture, box: Box, patch: UInt8[np.ndarray, "y x 3"]) -> Picture:
    """A copy of the picture with the patch, resized, in the box.

    Along the sides of the box that lie inside the picture the patch fades in over `FEATHER` of the box: no seam shows.
    """
    resized = Image.fromarray(patch).resize((box.width, box.height), Image.Resampling.BICUBIC)
    height, width = picture.shape[:2]
    rows = _fade(box.height, box.top > 0, box.top + box.height < height)
    columns = _fade(box.width, box.left > 0, box.left + box.width < width)
    weight = np.minimum(rows[:, None], columns)[..., None]
    result = picture.copy()
    mixed = weight * np.asarray(resized, np.float32) + (1 - weight) * cut(picture, box)
    cut(result, box)[:] = np.rint(mixed).astype(np.uint8)
    return result


def _fade(length: int, first: bool, last: bool) -> np.ndarray:
    """Weights along one side of a box: 1, but rising from 0 at those ends that lie inside the picture."""
    margin = max(round(length * FEATHER), 1)
    distance = np.arange(length, dtype=np.float32)
    rising = np.clip(distance / margin, 0, 1) if first else np.ones(length, np.float32)
    falling = np.clip(distance[::-1] / margin, 0, 1) if last else np.ones(length, np.float32)
    return np.minimum(rising, falling)
