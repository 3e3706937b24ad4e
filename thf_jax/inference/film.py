"""From a portrait and what drives it to the pictures of a video, one at a time."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import UInt8

from thf_jax.inference.animate import animate
from thf_jax.inference.crop import box_of, look, paste
from thf_jax.inference.driving import Driving
from thf_jax.inference.video import to_uint8
from thf_jax.models.animator import Animator

Picture = UInt8[np.ndarray, "h w 3"]


def driving_frames(driving: Driving, size: int, *, crop: bool = True) -> Iterator[Any]:
    """A new pass over what drives, ready for a model: pictures [size size 3], or motions as they are."""
    if driving.motion is not None:
        return driving.frames()
    return (look(frame, size, crop=crop) for frame in driving.frames())


def results(
    animator: Animator, face: Picture, frames: Iterable[Any], **options: Any
) -> Iterator[tuple[Picture, Picture | None]]:
    """A pair a frame: the result, and the picture that drove it or None where a motion did. Options as in `animate`."""
    driven, shown = itertools.tee(frames)
    renderings = animate(animator, face, driven, **options)
    return (
        (to_uint8(np.asarray(rendering.image)), frame if isinstance(frame, np.ndarray) else None)
        for rendering, frame in zip(renderings, shown, strict=False)  # the loop runs ahead of what is shown
    )


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
    if compare:
        return lambda result, driving: np.hstack([face, result] if driving is None else [face, driving, result])
    return lambda result, driving: result
