"""Still images of every usual kind as uint8 RGB [h w 3], and their resizing."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from data_pipelines.errors import InputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
MINIMUM_SIDE = 16
# What red, green and blue add to the grey that the eye sees (ITU-R 601), as Pillow's mode "L" has it.
LUMA = (0.299, 0.587, 0.114)

# What Pillow raises for damaged files, format by format.
DAMAGE = (OSError, EOFError, SyntaxError, ValueError, IndexError, struct.error, Image.DecompressionBombError)


@contextmanager
def opened(path: Path, wanted: str = "a png, jpg or webp file") -> Iterator[Image.Image]:
    """The image file at `path` within a `with` block, where damage to the file raises `InputError`."""
    if not path.is_file():
        raise InputError(f"there is no image {path}: give {wanted}")
    try:
        with Image.open(path) as image:
            yield image
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"the file {path} cannot be read as an image or is damaged: give {wanted}") from error


def read_image(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """The still at `path`, upright, as RGB.

    What has no one meaning as 8-bit RGB is refused, not guessed at: what shows through transparent parts, which inks
    CMYK means, how 16 bits are to be rounded.

    Raises:
        InputError: there is no file, it is no image, it is damaged, a side is shorter than 16 px, or it has an alpha
            channel, CMYK colours or 16 bits a channel.
    """
    with opened(Path(path)) as image:
        width, height = image.size
        if min(width, height) < MINIMUM_SIDE:
            raise InputError(
                f"the image {path} is too small: it is {width} x {height}, each side must be at least {MINIMUM_SIDE} px"
            )
        if trouble := ambiguity(image, Path(path)):
            raise InputError(f"the image {path} {trouble}: save it as 8-bit RGB, a png or jpg, and give that")
        return as_rgb(ImageOps.exif_transpose(image))


def ambiguity(image: Image.Image, path: Path) -> str | None:
    """What keeps the image from being 8-bit RGB, or None."""
    if image.mode == "CMYK":
        return "has CMYK colours"
    if image.mode[0] in "IF" or (image.format == "PNG" and _png_depth(path) == 16):
        return "has more than 8 bits a channel"
    return "has an alpha channel" if image.has_transparency_data else None


def _png_depth(path: Path) -> int:
    """Bits a channel, which Pillow does not tell of colour images; they stand behind the size in the first chunk."""
    with path.open("rb") as file:
        return file.read(25)[24]


def read_frame(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """A frame, or a strip of frames, as stored: an alpha channel is dropped, as the published loaders do it."""
    with opened(path) as image:
        return as_rgb(image)


def over_white(image: Image.Image) -> Image.Image:
    """The image as it looks on white paper."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def as_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """The decoded pixels as RGB, without alpha; 16-bit grey is scaled to 8 bits, where Pillow would clip it."""
    if image.mode.startswith("I"):
        grey = (np.asarray(image).astype(np.uint32) + 128) // 257
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))


def centre_square(frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """The largest centred square of the frame, as a view."""
    height, width = frame.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


def resize(frame: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The frame at `size` x `size`: the mean over boxes along a side that shrinks, bilinear along one that grows."""
    height, width = frame.shape[:2]
    if (height, width) == (size, size):
        return frame
    image = Image.fromarray(np.ascontiguousarray(frame))
    # Both filters are separable, so the sides can be treated one after the other.
    image = image.resize((size, height), _filter(width, size))
    return np.array(image.resize((size, size), _filter(height, size)))


def _filter(before: int, after: int) -> Image.Resampling:
    return Image.Resampling.BOX if after < before else Image.Resampling.BILINEAR
