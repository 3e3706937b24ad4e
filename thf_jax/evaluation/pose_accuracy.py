"""Pose accuracy: the head's rotation that a model finds in a frame, against the exact one of drawn heads."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from data_pipelines.moving_heads import OnTheFly
from thf_jax.errors import InputError
from thf_jax.interop.shapes import complete
from thf_jax.models.animator import Animator
from thf_jax.ops.rotation import rotation_matrix
from thf_jax.types import HeadMotion


@dataclasses.dataclass(frozen=True)
class PoseAccuracy:
    """How well a model knows how heads are turned; all in degrees, the mean over the frames."""

    error: float
    """The angle of the one rotation that leads from the model's to the true one."""
    facing: float
    """The same of a head that always faces the camera, which a model has to beat."""


def evaluate_pose(animator: Animator, heads: OnTheFly, *, every: int = 1) -> PoseAccuracy | None:
    """The accuracy over every `every`-th frame of all clips; None where motions hold no rotation of a head.

    The heads' angles are turned into a rotation by the model's own order of factors and its own pi, as the head-pose
    loss does: a model trained without that loss may have found another front, and is judged by it.

    Raises:
        InputError: the heads have another size than the animator's pictures, or there are none.
    """
    if heads.size != animator.size:
        raise InputError(f"the heads are of {heads.size} pixels: draw them at {animator.size}, the model's size")
    numbers = [number for clip in heads.clips for number in range(clip.start, clip.start + clip.length, every)]
    if not numbers:
        raise InputError("there are no frames to evaluate")
    if not isinstance(animator.motion(heads.frame(numbers[0])), HeadMotion):
        return None
    found = jnp.stack([animator.motion(heads.frame(number)).rotation for number in numbers])
    true = _rotations(animator, np.stack([heads.pose(number) for number in numbers]))
    still = jnp.broadcast_to(jnp.eye(3, dtype=true.dtype), true.shape)
    return PoseAccuracy(*(float(angle_between(turn, true).mean()) for turn in (found, still)))


def _rotations(animator: Animator, degrees: Float[np.ndarray, "n 3"]) -> Float[Array, "n 3 3"]:
    parts = [part for part in complete(animator.system, animator.settings).values() if part and "order" in part]
    yaw, pitch, roll = jnp.moveaxis(jnp.asarray(degrees, jnp.float32), -1, 0)
    return functools.partial(rotation_matrix, order=parts[0]["order"], pi=parts[0]["pi"])(yaw, pitch, roll)


@jax.jit
def angle_between(first: Float[Array, "*b 3 3"], second: Float[Array, "*b 3 3"]) -> Float[Array, "*b"]:
    """The angle in degrees of the rotation that leads from one to the other: 2 asin(|R - R'| / (2 sqrt 2)).

    Exact for small angles, too, where the usual acos((trace - 1) / 2) rounds to 0 or to a tenth of a degree.
    """
    half = jnp.sqrt(((first - second) ** 2).sum((-2, -1)) / 8)
    return 2 * jnp.degrees(jnp.arcsin(jnp.minimum(half, 1)))
