"""Still images of every usual kind as uint8 RGB [h w 3], and their resizing."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps

from data_pipelines.errors import InputError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
# Pillow looks at what is in a file, not at its name, and starts another program for some of what it knows.
STILL_FORMATS = ("PNG", "JPEG", "WEBP")
MINIMUM_SIDE = 16
# What red, green and blue add to the grey that the eye sees (ITU-R 601), as Pillow's mode "L" has it.
LUMA = (0.299, 0.587, 0.114)

# Colours that a profile moves by no more than this, of 255, are those of sRGB but for rounding.
PROFILE_TOLERANCE = 2

# What Pillow raises for damaged files, format by format.
DAMAGE = (OSError, EOFError, SyntaxError, ValueError, IndexError, struct.error, Image.DecompressionBombError)


@contextmanager
def opened(
    path: Path, *, formats: tuple[str, ...] = STILL_FORMATS, wanted: str = "a png, jpg or webp file"
) -> Iterator[Image.Image]:
    """The image file at `path` within a `with` block, where damage to the file raises `InputError`.

    Args:
        path: of the file.
        formats: Pillow's names of what it may be, whatever its own name says.
        wanted: the same in words.
    """
    if not path.is_file():
        raise InputError(f"there is no image {path}: give {wanted}")
    try:
        with Image.open(path, formats=formats) as image:
            yield image
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"the file {path} cannot be read as an image or is damaged: give {wanted}") from error


def read_image(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """The still at `path`, upright, as sRGB.

    Colours of another space, as phones take them, are carried over by the picture's profile; a profile that cannot be
    read is passed over, as viewers do. What has no one meaning as 8-bit RGB is refused, not guessed at: what shows
    through transparent parts, which inks CMYK means, how 16 bits are to be rounded.

    Raises:
        InputError: there is no file, it is no image, it is damaged, a side is shorter than 16 px, or it has transparent
            parts, CMYK colours or 16 bits a channel.
    """
    with opened(Path(path)) as image:
        width, height = image.size
        if min(width, height) < MINIMUM_SIDE:
            raise InputError(
                f"the image {path} is too small: it is {width} x {height}, each side must be at least {MINIMUM_SIDE} px"
            )
        if trouble := ambiguity(image, Path(path)):
            raise InputError(f"the image {path} {trouble}: save it as 8-bit RGB, a png or jpg, and give that")
        return as_rgb(_in_srgb(ImageOps.exif_transpose(image), image.info.get("icc_profile")))


def ambiguity(image: Image.Image, path: Path) -> str | None:
    """What keeps the image from being 8-bit RGB, or None. An alpha channel that is opaque everywhere does not."""
    if image.mode == "CMYK":
        return "has CMYK colours"
    if image.mode[0] in "IF" or (image.format == "PNG" and _png_depth(path) == 16):
        return "has more than 8 bits a channel"
    if image.has_transparency_data and np.asarray(image.convert("RGBA").getchannel("A")).min() < 255:
        return "has transparent parts"
    return None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in the colours of sRGB, by its ICC profile; as it is without one, or with one that does not fit."""
    if not profile:
        return image
    try:
        colours = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        header = cast(Any, colours.profile)  # Pillow's annotation takes it for a file
        mode = {"RGB": "RGB", "GRAY": "L"}[header.xcolor_space.strip()]
        if mode == "L" and image.mode not in ("1", "L", "LA"):
            return image
        srgb, fine = ImageCms.createProfile("sRGB"), ImageCms.Flags.HIGHRESPRECALC
        transform = ImageCms.buildTransform(colours, srgb, mode, "RGB", flags=fine)
        levels = _levels(mode)
        moved = np.asarray(ImageCms.applyTransform(levels, transform), int) - np.asarray(levels.convert("RGB"), int)
        if np.abs(moved).max() <= PROFILE_TOLERANCE:
            return image
        pixels = image.convert("L") if mode == "L" else Image.fromarray(as_rgb(image))
        return ImageCms.applyTransform(pixels, transform) or image
    except (ImageCms.PyCMSError, OSError, KeyError):
        return image


def _levels(mode: str) -> Image.Image:
    """A sample of all colours of the mode."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    if mode == "L":
        return Image.fromarray(steps[None])
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(9, 81, 3))


def _png_depth(path: Path) -> int:
    """Bits a channel, which Pillow does not tell of colour images; they stand behind the size in the first chunk."""
    with path.open("rb") as file:
        return file.read(25)[24]


def read_frame(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """A frame, or a strip of frames, as stored: alpha and colour profiles are dropped, as the published loaders do."""
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
