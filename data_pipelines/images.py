"""Still images of every usual kind as uint8 RGB [h w 3], and their resizing."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from data_pipelines.errors import InputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
MINIMUM_SIDE = 16


def open_image(path: str | Path) -> Image.Image:
    """The image file at `path`, opened but not yet decoded.

    Raises:
      InputError: there is no file at `path`, or it is no image.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no image {path}: give a png, jpg or webp file.")
    try:
        return Image.open(path)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"The file {path} cannot be read as an image: give a png, jpg or webp file.") from error


def read_image(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """The still at `path`, upright, as RGB; transparent parts are laid over white, 16-bit grey is scaled to 8 bits.

    Raises:
      InputError: there is no file, it is no image, or a side is shorter than 16 px.
    """
    with open_image(path) as image:
        width, height = image.size
        if min(width, height) < MINIMUM_SIDE:
            raise InputError(f"The image {path} is {width} x {height}: each side must be at least {MINIMUM_SIDE} px.")
        try:
            upright = ImageOps.exif_transpose(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"The image {path} is damaged: {error}.") from error
        return to_rgb(_over_white(upright))


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def to_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """The decoded image as RGB; an alpha channel is dropped, 16-bit grey is scaled to 8 bits."""
    if image.mode.startswith("I"):
        grey = (np.asarray(image).astype(np.uint32) + 128) // 257  # Pillow itself would clip at 255.
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
    return np.array(image.convert("RGB"))


def centre_square(frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """The largest centred square of the frame."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


def resize(frame: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The frame at `size` x `size`: mean over areas along a side that shrinks, bilinear along one that grows."""
    height, width = frame.shape[:2]
    if (height, width) == (size, size):
        return frame
    image = Image.fromarray(np.ascontiguousarray(frame))
    # Both filters are separable, so the two sides can be treated one after the other.
    for target in ((size, height), (size, size)):
        shrinks = target[0] < image.width or target[1] < image.height
        image = image.resize(target, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    return np.asarray(image)
