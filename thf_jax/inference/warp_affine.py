"""Pictures turned, scaled and moved, to the last bit as OpenCV's `warpAffine` does it, and faces pasted back by it.

OpenCV rounds positions to 1/32 of a pixel and weights accordingly. Plain bilinear interpolation differs in one pixel of
sixteen, by 3/255 at most; what a network was trained on is the former.
"""

import numpy as np
from jaxtyping import UInt8

from thf_jax.inference.face_square import FaceSquare, Matrix

Picture = UInt8[np.ndarray, "h w 3"]

FEATHER = 16
"""Pixels at the border of a face of 512 over which it fades into the picture that it is pasted into."""


def warp_affine(
    picture: UInt8[np.ndarray, "y x *c"], matrix: Matrix, shape: tuple[int, int]
) -> UInt8[np.ndarray, "h w *c"]:
    """The picture moved by the matrix, on a canvas of `shape` (h, w); outside the picture everything is 0.

    Args:
        picture: one or several channels.
        matrix: from pixels of the picture to pixels of the canvas.
        shape: of the canvas.
    """
    (a, b, across), (c, d, down) = _inverse(matrix)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    x, y = (
        # Positions in 1/1024 of a pixel, then in 1/32.
        (_round((by_row * rows + start) * 1024) + 16 + _round(by_column * columns * 1024)) >> 5
        for by_column, by_row, start in ((a, b, across), (c, d, down))
    )
    total = np.zeros((*shape, *picture.shape[2:]), np.int32)
    for tap_y, share_y in ((y >> 5, 32 - (y & 31)), ((y >> 5) + 1, y & 31)):
        for tap_x, share_x in ((x >> 5, 32 - (x & 31)), ((x >> 5) + 1, x & 31)):
            inside = (tap_y >= 0) & (tap_y < picture.shape[0]) & (tap_x >= 0) & (tap_x < picture.shape[1])
            weight = (share_y * share_x)[inside].reshape(-1, *(1 for _ in picture.shape[2:]))
            total[inside] += (weight * picture[tap_y[inside], tap_x[inside]]).astype(np.int32)
    return ((total + 512) >> 10).astype(np.uint8)


def crop_face(picture: Picture, square: FaceSquare, size: int = 512) -> UInt8[np.ndarray, "size size 3"]:
    """The face in the square, upright, `size` pixels a side."""
    return warp_affine(picture, square.to_crop(size), (size, size))


def halved(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h//2 w//2 3"]:
    """The rounded mean of every 2 x 2 pixels, as OpenCV's area resizing gives it: what the network sees of a crop."""
    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    squares = picture[: 2 * h, : 2 * w].reshape(h, 2, w, 2, 3).astype(np.uint16)
    return ((squares.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)


def paste_face(
    picture: Picture, face: UInt8[np.ndarray, "size size 3"], square: FaceSquare
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of the picture with the face back in its square, faded in along the square's border."""
    size = len(face)
    return blend(picture, face, feathered_mask(size), square.from_crop(size))


def blend(
    picture: Picture, face: UInt8[np.ndarray, "y x 3"], mask: UInt8[np.ndarray, "y x"], matrix: Matrix
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture, under the mask replaced by the face, both moved by the matrix; fractions are cut off."""
    shape = (picture.shape[0], picture.shape[1])
    share = (warp_affine(mask, matrix, shape).astype(np.float32) / 255)[..., None]
    mixed = share * warp_affine(face, matrix, shape) + (1 - share) * picture
    return np.clip(mixed, 0, 255).astype(np.uint8)


def feathered_mask(size: int = 512) -> UInt8[np.ndarray, "size size"]:
    """255 within, falling to 0 over `FEATHER` pixels (of 512, in proportion for other sizes) along the border.

    The original's mask is this one, as a picture file: 0 on the first row and column, not quite 0 on the last.
    """
    feather = FEATHER * size / 512
    index = np.arange(size)
    short = np.maximum(feather - np.minimum(index, size - index), 0)  # how much is missing to full distance
    distance = np.sqrt(short[None] ** 2 + short[:, None] ** 2)
    return np.floor(255 * np.clip(1 - distance / feather, 0, 1)).astype(np.uint8)


def _inverse(matrix: Matrix) -> list[tuple[float, float, float]]:
    """The two rows of the inverse in float64, by the adjugate, in OpenCV's order of operations."""
    (a, b, x), (c, d, y) = matrix[:2].astype(np.float64).tolist()
    scale = 1 / (a * d - b * c)
    a, b, c, d = d * scale, -b * scale, -c * scale, a * scale
    return [(a, b, -a * x - b * y), (c, d, -c * x - d * y)]


def _round(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.int64)
