"""From a portrait and what drives it to the pictures of a video, one at a time."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from data_pipelines.images import resize
from thf_jax.errors import InputError
from thf_jax.inference.animate import animate
from thf_jax.inference.crop import box_of, look, paste
from thf_jax.inference.detail import add_source_detail
from thf_jax.inference.driving import Driving
from thf_jax.inference.face_square import FaceSquare
from thf_jax.inference.video import to_uint8
from thf_jax.inference.warp_affine import crop_face, halved
from thf_jax.interop.shapes import complete
from thf_jax.models.animator import Animator
from thf_jax.models.volume_generator import VolumeGenerator
from thf_jax.types import Rendering

LARGEST_DETAIL = 512
"""Pixels: a warp of a small model says nothing about a much larger picture."""

Picture = UInt8[np.ndarray, "h w 3"]


def driving_frames(
    driving: Driving, size: int, *, crop: bool = True, square: FaceSquare | None = None
) -> Iterator[Any]:
    """A new pass over what drives, ready for a model: pictures [size size 3], or motions as they are.

    Args:
        driving: what drives.
        size: of the pictures that the model sees.
        crop: whether it sees the central square.
        square: the square around the driver's face, of which it sees 256 pixels a side instead.
    """
    if driving.motion is not None:
        return driving.frames()
    if square is not None:
        return (halved(crop_face(frame, square)) for frame in driving.frames())
    return (look(frame, size, crop=crop) for frame in driving.frames())


def results(
    animator: Animator,
    face: Picture | Sequence[Picture],
    frames: Iterable[Any],
    *,
    detail: UInt8[np.ndarray, "y x 3"] | None = None,
    **options: Any,
) -> Iterator[tuple[Picture, Picture | None]]:
    """A pair a frame: the result, and the picture that drove it or None where a motion did.

    Args:
        face: the portrait as the model sees it; or several, see `animate`.
        detail: the same region of the (first) portrait, larger: the results have its size and its detail, see `detail`.
        options: as in `animate`.
    """
    driven, shown = itertools.tee(frames)
    renderings = animate(animator, face, driven, **options)
    finish = finisher(animator, detail)
    return (
        (to_uint8(np.asarray(finish(rendering))), frame if isinstance(frame, np.ndarray) else None)
        for rendering, frame in zip(renderings, shown, strict=False)  # the loop runs ahead of what is shown
    )


def finisher(animator: Animator, detail: Picture | None) -> Callable[[Rendering], Any]:
    """How a rendering becomes its final picture in [0, 1]: as it is, or with the detail of a larger portrait."""
    if detail is None:
        return lambda rendering: rendering.image
    check_detail(animator)
    large = jnp.asarray(detail, jnp.float32) / 255
    parts = complete(animator.system, animator.settings).values()
    align_corners = next(part["align_corners"] for part in parts if part and "align_corners" in part)
    return lambda rendering: add_source_detail(rendering, large, align_corners=align_corners)


def check_detail(animator: Animator) -> None:
    """Refuse, by an InputError, a model that cannot carry a portrait's detail over."""
    if isinstance(getattr(animator.module, "generator", None), VolumeGenerator):
        raise InputError(f"--detail needs a model that warps pictures; {animator.system} warps a volume of features")


def detail_of(
    source: Picture, size: int, *, crop: bool, most: int = LARGEST_DETAIL
) -> UInt8[np.ndarray, "s s 3"] | None:
    """The region of the portrait that the model sees, at its own resolution up to `most` pixels; None if no gain."""
    box = box_of(source, crop=crop)
    side = min(max(box.height, box.width), most)
    return look(source, side, crop=crop) if side > size else None


def composer(
    source: Picture,
    face: UInt8[np.ndarray, "s s 3"],
    *,
    crop: bool = True,
    paste_back: bool = False,
    compare: bool = False,
) -> Callable[[Picture, Picture | None], Picture]:
    """How a result and its driving picture become a picture of the video.

    Args:
        source: the whole portrait.
        face: the portrait as the model sees it.
        crop: whether the model sees the portrait's central square.
        paste_back: put the result back into the portrait.
        compare: put the face and the driving picture beside the result; `paste_back` comes first.
    """
    if paste_back:
        box = box_of(source, crop=crop)
        return lambda result, driving: paste(source, box, result)
    if not compare:
        return lambda result, driving: result

    def side_by_side(result: Picture, driving: UInt8[np.ndarray, "y x 3"] | None) -> UInt8[np.ndarray, "h z 3"]:
        shown = [face, result] if driving is None else [face, driving, result]
        return np.hstack([resize(picture, result.shape[0]) for picture in shown])

    return side_by_side
