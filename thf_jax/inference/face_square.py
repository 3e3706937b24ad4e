"""The square around a face that LivePortrait looks at, from landmarks (its own crop, reproduced).

The face's axes and its box are computed in float32, as the original does it: the arc cosine of a number near 1
multiplies rounding errors, and another rounding would change crops visibly to a comparison, if not to the eye.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from thf_jax.errors import InputError
from thf_jax.inference.landmarks import LandmarkProvider, Points, layout_of

Matrix = Float[np.ndarray, "3 3"]
"""Takes (x, y, 1) in pixels of one picture to pixels of another."""


@dataclasses.dataclass(frozen=True)
class SquareOptions:
    """How large the square is, and where. The shifts are shares of its side, along the face's own axes.

    A detector with other landmarks than the weights were trained with gives another box; scale makes up for it.
    """

    scale: float
    """The square's side over the longer side of the box around the landmarks."""
    right: float = 0.0
    down: float = 0.0


SOURCE = SquareOptions(scale=2.3, down=-0.125)
DRIVING = SquareOptions(scale=2.2, down=-0.1)


@dataclasses.dataclass(frozen=True)
class FaceSquare:
    """A square in a picture, turned with the face."""

    centre: Float[np.ndarray, "2"]
    side: float
    angle: float = 0.0
    """In radians; positive turns the square's right side down."""

    def upright(self) -> FaceSquare:
        """The square of the same centre and side that is not turned."""
        return dataclasses.replace(self, angle=0.0)

    @property
    def corners(self) -> Float[np.ndarray, "4 2"]:
        """Top left, top right, bottom right, bottom left: what becomes the outer corners of the crop."""
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        return self.centre + signs * (self.side / 2) @ _turn(self.angle)

    def to_crop(self, size: int) -> Matrix:
        """From pixels of the picture to pixels of the crop, `size` of them a side; rounded to float32."""
        linear = size / self.side * _turn(self.angle)
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = size / 2 - linear @ self.centre
        return matrix.astype(np.float32)

    def from_crop(self, size: int) -> Matrix:
        """The way back, the inverse of `to_crop`."""
        return np.linalg.inv(self.to_crop(size))


def face_square(points: Points, options: SquareOptions = SOURCE) -> FaceSquare:
    """The square around a face.

    "Down" runs from between the eyes to the mouth. The box around the landmarks along that axis and the one across it
    gives centre and side.

    Raises:
        InputError: landmarks of no known layout, or all at one place.
    """
    layout, points = layout_of(points), points.astype(np.float32)
    left, right, mouth = (points[list(indices)].mean(axis=0) for indices in layout)
    down = mouth - (left + right) / 2
    length = np.linalg.norm(down)
    down = down / length if length > 1e-3 else np.array([0, 1], np.float32)
    axes = np.stack([np.array([down[1], -down[0]]), down])  # the face's right, as it is seen, and its down
    middle = points.mean(axis=0)
    turned = (points - middle) @ axes.T
    least, most = turned.min(axis=0), turned.max(axis=0)
    side = float((most - least).max()) * options.scale
    if side <= 0:
        raise InputError(f"the {len(points)} landmarks lie all at one place, which is no face")
    centre = middle + ((least + most) / 2) @ axes
    shift = np.array([options.right * side, options.down * side], np.float32)
    angle = float(np.sign(axes[0, 1]) * np.arccos(np.clip(axes[0, 0], -1, 1)))
    return FaceSquare((centre + shift @ axes).astype(np.float32), side, angle)


def find_square(see: LandmarkProvider, picture: UInt8[np.ndarray, "h w 3"]) -> FaceSquare:
    """The square around the face that the provider sees in a source picture.

    Raises:
        InputError: it sees none, or gives landmarks of no known layout.
    """
    points = see(picture)
    if points is None:
        raise InputError("no face was found in the picture; give another one, or look at its centre without landmarks")
    return face_square(points)


def find_driving_square(see: LandmarkProvider, pictures: Iterable[UInt8[np.ndarray, "h w 3"]]) -> FaceSquare:
    """The one upright square for all frames of a driving clip, see `mean_square`; frames without a face do not count.

    Raises:
        InputError: the provider sees no face in any of them, or gives landmarks of no known layout.
    """
    seen = (see(picture) for picture in pictures)
    return mean_square([face_square(points, DRIVING) for points in seen if points is not None])


def mean_square(squares: Sequence[FaceSquare]) -> FaceSquare:
    """One upright square for all frames of a driving clip: the mean of each frame's.

    Raises:
        InputError: there is none.
    """
    if not squares:
        raise InputError("no frame of the clip has a face to crop to")
    corners = np.mean([square.upright().corners for square in squares], axis=0)
    return FaceSquare(corners.mean(axis=0), float(corners[2, 0] - corners[0, 0]))


def _turn(angle: float) -> Float[np.ndarray, "2 2"]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])
