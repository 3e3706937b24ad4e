"""Clips by number: frames and labels are functions of (seed, index), made when they are asked for."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

from data_pipelines.errors import InputError
from data_pipelines.moving_heads.flow import TrueFlow, true_flow
from data_pipelines.moving_heads.identity import draw_scene
from data_pipelines.moving_heads.labels import landmarks
from data_pipelines.moving_heads.motion import draw_motion
from data_pipelines.moving_heads.occluder import add_occluder
from data_pipelines.moving_heads.rendering import render
from data_pipelines.moving_heads.scene import Scene
from data_pipelines.moving_heads.state import HeadState, MotionTrack

CLIPS_PER_IDENTITY = 2
FIRST_CLIP = {"train": 0, "eval": 1_000_000}  # the splits count from here, so that they share nobody
MINIMUM_SIZE = 8


class ClipLabels(NamedTuple):
    """What is exactly known of each frame; POSE, EXPRESSION and LANDMARKS name the columns."""

    pose: Float[np.ndarray, "t 6"]
    expression: Float[np.ndarray, "t 7"]
    landmarks: Float[np.ndarray, "t k 2"]  # (x, y) in [-1, 1], ends at pixel centres
    visible: Bool[np.ndarray, "t k"]  # which landmarks are seen


def clip_identity(index: int) -> int:
    """The number of the person in clip `index`: neighbouring clips share one."""
    return index // CLIPS_PER_IDENTITY


def clip_scene(seed: int, index: int, *, occluded: float = 0.0) -> Scene:
    """Who is seen in clip `index` of the collection `seed`, the background, and what passes before the face.

    Args:
      occluded: the share of the clips in which something does. With a larger share the same clips and more have it.

    Raises:
      InputError: `occluded` is not between 0 and 1.
    """
    if not 0 <= occluded <= 1:
        raise InputError(f"{occluded} is no share of clips with an occluder: give a number from 0 to 1")
    scene, rng = draw_scene(seed, clip_identity(index)), np.random.default_rng([seed, index, 3])
    return add_occluder(scene, rng) if rng.random() < occluded else scene


def clip_motion(seed: int, index: int, *, length: int) -> MotionTrack:
    """How the head of the clip moves, in float64. A longer clip starts with the shorter one."""
    if length < 1:
        raise InputError(f"a clip of {length} frames cannot be made: give a length of at least 1")
    return draw_motion(seed, index, length=length)


def clip_frames(
    seed: int, index: int, *, size: int, length: int, occluded: float = 0.0
) -> UInt8[np.ndarray, "t h w 3"]:
    """The frames of clip `index` of the collection `seed`: RGB [length size size 3], at 25 frames a second.

    Raises:
      InputError: `size` is below 8, `length` below 1 or `occluded`, see `clip_scene`, not between 0 and 1.
    """
    check_size(size)
    scene, motion = clip_scene(seed, index, occluded=occluded), clip_motion(seed, index, length=length)
    return np.stack([picture(scene, motion.at(time), size=size) for time in range(length)])


def clip_labels(seed: int, index: int, *, length: int, occluded: float = 0.0) -> ClipLabels:
    """The labels of the same clip; they hold for every size.

    Raises:
      InputError: `length` is below 1 or `occluded` not between 0 and 1.
    """
    scene, motion = clip_scene(seed, index, occluded=occluded), clip_motion(seed, index, length=length)
    position, visible = zip(*(landmarks(scene, motion.at(time)) for time in range(length)), strict=True)
    return ClipLabels(motion.pose, motion.expression, np.stack(position), np.stack(visible))


def clip_flow(seed: int, index: int, *, source: int, driving: int, size: int, occluded: float = 0.0) -> TrueFlow:
    """The true flow between two frames of the same clip, given by their numbers: from `driving` back to `source`.

    Raises:
      InputError: `size` is below 8, a frame's number below 0 or `occluded` not between 0 and 1.
    """
    check_size(size)
    if min(source, driving) < 0:
        raise InputError(f"a clip has no frame {min(source, driving)}: frames are numbered from 0")
    scene, motion = (
        clip_scene(seed, index, occluded=occluded),
        clip_motion(seed, index, length=max(source, driving) + 1),
    )
    return true_flow(scene, motion.at(source), motion.at(driving), size=size)


def picture(scene: Scene, state: HeadState, *, size: int) -> UInt8[np.ndarray, "h w 3"]:
    """One frame in 8 bits, rounded to nearest."""
    return np.rint(255 * render(scene, state, size=size)).astype(np.uint8)


def check_size(size: int) -> None:
    """Raises InputError for a size at which no head could be made out."""
    if size < MINIMUM_SIZE:
        raise InputError(f"a picture of {size} x {size} cannot show a head: give a size of at least {MINIMUM_SIZE}")
