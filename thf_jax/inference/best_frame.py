"""How well the keypoints of two faces agree, and the driving frame that agrees best with the source."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError

from thf_jax.errors import InputError
from thf_jax.types import HeadMotion


def hull_area(position: Float[np.ndarray, "k d"]) -> float:
    """The area of the convex hull of the points, in 3-D its volume; 0 where they are flat or too few to have one."""
    if len(position) <= position.shape[1]:
        return 0.0
    try:
        return float(ConvexHull(position).volume)  # of a planar hull, `volume` is the area and `area` the perimeter
    except QhullError:
        return 0.0


def hull_ratio(source: Float[np.ndarray, "k d"], initial: Float[np.ndarray, "n d"]) -> float:
    """The root of the ratio of the areas of two faces' hulls, in 3-D of their volumes; 1 where either hull is flat."""
    areas = hull_area(source), hull_area(initial)
    return float(np.sqrt(areas[0] / areas[1])) if min(areas) > 0 else 1.0


def relative_scale(source: Any, initial: Any, *, canonical: Any = None) -> float:
    """How much larger the source's face is than the driver's, see `hull_ratio`.

    Both are motions with keypoints, or head motions.

    Args:
        canonical: the source's canonical keypoints [k 3], which head motions pose.

    Raises:
        InputError: a motion without keypoints.
    """
    return hull_ratio(_position(source, canonical), _position(initial, canonical))


def best_frame(source: Any, motions: Iterable[Any], *, canonical: Any = None) -> tuple[int, Any]:
    """The index and the motion of the frame whose pose is the source's: the one that relative motion should start from.

    Each set of keypoints is centred on its mean and divided by the root of its hull's area, and the sum of squared
    distances decides; of equal frames the first wins. FOMM's published demo does this with facial landmarks, in whose
    place the model's own keypoints stand here.

    Args:
        canonical: the source's canonical keypoints [k 3], which head motions pose.

    Raises:
        InputError: no frames, or motions without keypoints.
    """
    goal = _normalised(_position(source, canonical))
    smallest, found = np.inf, None
    for index, motion in enumerate(motions):
        distance = np.sum((_normalised(_position(motion, canonical)) - goal) ** 2)
        if distance < smallest or found is None:
            smallest, found = distance, (index, motion)
    if found is None:
        raise InputError("there is no frame to choose the best one from")
    return found


def _position(motion: Any, canonical: Any) -> np.ndarray:
    if isinstance(motion, HeadMotion) and canonical is not None:
        motion = jax.tree.map(jnp.asarray, motion).pose(canonical)
    position = getattr(motion, "position", None)
    if position is None:
        raise InputError(
            f"scales and best frames are found with keypoints, which a {type(motion).__name__} does not have"
        )
    return np.asarray(position)


def _normalised(position: np.ndarray) -> np.ndarray:
    centred = position - position.mean(axis=0)
    area = hull_area(position)
    return centred / np.sqrt(area) if area > 0 else centred
