"""Which parts of a face are driven, as a mask over LivePortrait's 21 keypoints.

Nothing in training says which keypoint is which: these lists are what the authors found in the published weights.
"""

import dataclasses
from collections.abc import Collection

import numpy as np
from jaxtyping import Bool

from thf_jax.errors import InputError, nearest

COUNT = 21
Mask = Bool[np.ndarray, "21 3"]


def _mask(*, points: Collection[int] = (), x: Collection[int] = (), y: Collection[int] = (), z: Collection[int] = ()):
    mask = np.zeros((COUNT, 3), bool)
    mask[list(points)] = True
    for axis, some in enumerate((x, y, z)):
        mask[list(some), axis] = True
    return mask


LIPS = _mask(points=(6, 12, 14, 17, 19, 20))
EYES = _mask(points=(11, 13, 15, 16, 18))
MOBILE = _mask(points=(1, 2, 6, *range(11, 21)), y=(3, 4, 9), z=(5, 8, 9))
"""What an expression moves; the other entries have the shape and the place of the head in them."""
NAMES = ("all", "expression", "whole_expression", "pose", "scale", "lips", "eyes")


@dataclasses.dataclass(frozen=True)
class Region:
    """What is driven; the rest stays as it is in the source."""

    expression: Mask
    pose: bool
    """Rotation and translation."""
    scale: bool


def region_of(names: str | Collection[str], *, whole: bool) -> Region:
    """The union of the named regions; `all` is `expression`, `pose` and `scale`.

    Args:
        names: one of `NAMES`, or several.
        whole: whether `expression` means `whole_expression`, every entry, and not only the `MOBILE` ones.

    Raises:
        InputError: no such region, or none at all.
    """
    chosen = {names} if isinstance(names, str) else set(names)
    for name in sorted(chosen):
        if name not in NAMES:
            raise InputError(f"there is no region of a face named {name!r}{nearest(name, NAMES)}")
    if not chosen:
        raise InputError(f"no region of the face is left to drive; choose some of {', '.join(NAMES)}")
    if "all" in chosen:
        chosen = {"expression", "pose", "scale"}
    every = np.ones_like(MOBILE)
    parts = {"expression": every if whole else MOBILE, "whole_expression": every, "lips": LIPS, "eyes": EYES}
    expression = np.any([_mask(), *(mask for name, mask in parts.items() if name in chosen)], axis=0)
    return Region(expression, pose="pose" in chosen, scale="scale" in chosen)
