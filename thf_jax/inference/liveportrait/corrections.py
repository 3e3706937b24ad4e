"""From driven keypoints to those that are rendered: eyes and lips, stitching, the multiplier.

Everything here acts on keypoints as they stand in the picture. The three small networks that know how to correct them
take the source's keypoints first.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float

from thf_jax.inference.liveportrait.options import PortraitOptions
from thf_jax.types import HeadMotion

Positions = Float[Array, "k 3"]
Openness = Float[np.ndarray, "3"]
"""How far left eye, right eye and lips are open, see `landmarks.openness`."""

LIPS_CLOSED = 0.03
"""Lips that are less open need no closing."""
EYES_CLOSED, EYES_OPEN = 0.18, 0.39
"""Eyes that are on average less open than the first count as closed; the second is what they are opened to."""


@runtime_checkable
class Correctors(Protocol):
    """LivePortrait's three small networks."""

    def stitch(self, source: Array, driven: Array) -> Array:
        """The driven keypoints, so moved that neck and shoulders stay."""
        ...

    def open_eyes(self, source: Array, openness: np.ndarray) -> Array:
        """What to add, so that eyes which are (left, right) open become so open as the third number says."""
        ...

    def open_lips(self, source: Array, openness: np.ndarray) -> Array:
        """What to add, so that lips which are so open as the first number says become so open as the second says."""
        ...


@dataclasses.dataclass(frozen=True)
class Face:
    """What is known of one frame of the source, or of the driver."""

    motion: HeadMotion
    openness: Openness | None = None
    """None where no landmarks were seen."""


def corrected(
    driven: Positions,
    still: Positions,
    source: Face,
    driver: Face,
    correctors: Correctors,
    options: PortraitOptions,
    *,
    first: Openness | None,
) -> Positions:
    """The driven keypoints with every correction that the options ask for.

    Retargeting comes before stitching. What brings the source's own lips and eyes to rest comes after it, and only
    where nothing is retargeted. A correction whose landmarks were not seen is left out.

    Args:
        driven: the keypoints in the driven motion.
        still: the source's in its own.
        source, driver: the two frames.
        correctors: the networks.
        options: what to do.
        first: the openness of the source's first frame.
    """
    if options.retarget:
        base = still if options.retargets_alone else driven
        moved = base + _retargeting(still, source, driver, correctors, options)
        resting = 0.0
    else:
        moved, resting = driven, _resting(still, source, first, correctors, options)
    if options.stitching:
        moved = correctors.stitch(still, moved)
    return still + options.multiplier * (moved + resting - still)


def _retargeting(
    still: Array, source: Face, driver: Face, correctors: Correctors, options: PortraitOptions
) -> Array | float:
    if source.openness is None or driver.openness is None:
        return 0.0
    left, right, lips = source.openness
    change = 0.0
    if "eyes" in options.retarget:
        # The original asks for the driver's left eye alone.
        change += correctors.open_eyes(still, _numbers(left, right, driver.openness[0]))
    if "lips" in options.retarget:
        change += correctors.open_lips(still, _numbers(lips, driver.openness[2]))
    return change


def _resting(
    still: Array, source: Face, first: Openness | None, correctors: Correctors, options: PortraitOptions
) -> Array | float:
    if source.openness is None or first is None:
        return 0.0
    left, right, lips = source.openness
    change = 0.0
    if options.normalize_lips and lips >= LIPS_CLOSED:
        change += correctors.open_lips(still, _numbers(lips, 0.0))
    if options.hold_eyes:
        target = first[:2].mean()
        change += correctors.open_eyes(still, _numbers(left, right, EYES_OPEN if target < EYES_CLOSED else target))
    return change


def _numbers(*values: float | np.floating) -> np.ndarray:
    return np.array(values, np.float32)
