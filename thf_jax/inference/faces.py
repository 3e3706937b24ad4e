"""A landmark provider from the extra `faces`: the 68 points of the largest face, for crops."""

import numpy as np
from jaxtyping import UInt8

from data_pipelines.faces import read_face
from thf_jax.inference.landmarks import Points


def largest_face(picture: UInt8[np.ndarray, "h w 3"]) -> Points | None:
    """The 68 landmarks of the largest face, in pixels of the picture; None where no face is found.

    Raises:
        InputError: the extra `faces` is not installed.
    """
    height, width = picture.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)  # the reader takes squares
    square[:height, :width] = picture
    face = read_face(square)
    return None if face is None else (face.landmarks + 1) / 2 * np.float32(side - 1)
