"""What a user can choose about LivePortrait's driving."""

import dataclasses
import math
from collections.abc import Collection

import numpy as np
from jaxtyping import Float

from thf_jax.errors import InputError
from thf_jax.inference.liveportrait.regions import region_of


@dataclasses.dataclass(frozen=True)
class PortraitOptions:
    """The defaults are those of the authors' command; docs/liveportrait.md has their names for these."""

    relative: bool = True
    """Carry over the change since the first frame; without it the driver's expression and pose as they are."""
    region: str | Collection[str] = "all"
    """What is driven, see `regions.NAMES`."""
    multiplier: float = 1.0
    """By how much the keypoints' way from the source is lengthened, last of all."""
    rescale: bool = False
    """Scale the keypoints' way since the first result by the root of the ratio of the hulls' volumes, source over first
    result: absolute motion as the authors use it for animals. In relative motion (their `expression-friendly`) the two
    hulls are the same, and this changes nothing."""
    stitching: bool = True
    """Correct the keypoints so that neck and shoulders stay where they are."""
    retarget: Collection[str] = ()
    """`eyes`, `lips` or both: open them as far as the driver's are. In relative motion this takes the place of all
    other motion, as in the original; see `keep_motion`."""
    keep_motion: bool = False
    """Add the retargeting to the driven keypoints instead (not in the original)."""
    normalize_lips: bool = False
    """Close the source's lips before its relative motion is added, if they are open."""
    hold_eyes: bool = False
    """Of a source video: keep both eyes as far open as in its first frame, or a medium way if they were closed."""
    observation_variance: float = 3e-7
    """Of a source video: how noisy its motion is taken to be, see `smoothing.smooth_rows`."""
    neutral: Float[np.ndarray, "21 3"] | None = None
    """The expression that one driving picture is compared with, see `liveportrait_templates`; None means zeros."""

    def __post_init__(self) -> None:
        """Refuses what means nothing."""
        region_of(self.region, whole=True)
        names = (self.region,) if isinstance(self.region, str) else self.region
        if not math.isfinite(self.multiplier):
            raise InputError(f"the multiplier of the motion is a finite number, not {self.multiplier}")
        if not (math.isfinite(self.observation_variance) and self.observation_variance > 0):
            raise InputError(f"observation_variance is a number above 0, not {self.observation_variance}")
        if isinstance(self.retarget, str) or not set(self.retarget) <= {"eyes", "lips"}:
            raise InputError(f"retarget names some of ('eyes', 'lips'), not {self.retarget!r}")
        if self.retarget and (self.normalize_lips or self.hold_eyes):
            raise InputError("normalize_lips and hold_eyes do nothing beside retarget: leave one or the other out")
        if self.retargets_alone and "all" not in names:
            raise InputError("retarget takes the place of what region= drives: set keep_motion, or leave region out")
        if self.keep_motion and not self.relative:
            raise InputError("keep_motion is for relative motion; with relative=False retarget keeps it anyway")
        if self.keep_motion and not self.retarget:
            raise InputError("keep_motion says how retarget is applied: name 'eyes' or 'lips' there, or leave it out")
        if self.normalize_lips and not self.relative:
            raise InputError("normalize_lips prepares for relative motion and does nothing with relative=False")

    @property
    def retargets_alone(self) -> bool:
        """Whether eyes and lips follow the driver's, and nothing else does."""
        return bool(self.retarget) and self.relative and not self.keep_motion

    @property
    def uses_landmarks(self) -> bool:
        """Whether the openness of eyes and lips is asked for, which landmarks tell."""
        return bool(self.retarget) or self.normalize_lips or self.hold_eyes


OPTION_NAMES = tuple(field.name for field in dataclasses.fields(PortraitOptions) if field.name != "relative")
"""What `animate` takes for LivePortrait alone."""
