"""The loss terms that face vid2vid adds to the family's (Wang et al. 2021, section 3.4 and supplement A.2).

Its other terms are those of `terms`: perceptual, feature matching, equivariance (of x and y) and the keypoint prior;
and the hinge of `adversarial`.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.rotation import PUBLISHED_PI, angles_of
from thf_jax.types import HeadMotion, Keypoints

Scalar = Float[Array, ""]


def head_pose(
    motion: HeadMotion, degrees: Float[Array, "b 3"], *, order: str = "pitch_yaw_roll", pi: float = PUBLISHED_PI
) -> Scalar:
    """|yaw - yaw'| + |pitch - pitch'| + |roll - roll'| in degrees, the mean over the frames with labels.

    Args:
        degrees: yaw, pitch and roll, from labels that come with the data or from a network that was taught to see them;
            no gradient flows into them. NaN where nobody knows, such as a frame without a face.
        order, pi: how the model composes rotations, see `ops.rotation.rotation_matrix`. A rotation is made of two
            triples of angles, the middle one within a quarter turn and beyond it; the nearer to the label counts.
    """
    known = jnp.isfinite(degrees).all(-1)
    labels = jnp.where(known[:, None], jax.lax.stop_gradient(degrees), 0)  # chosen first: NaN spreads
    within = jnp.stack(angles_of(motion.rotation, order=order, pi=pi), -1)
    half = 180 * math.pi / pi  # of a turn, in the model's degrees
    middle = jnp.array([name == order.split("_")[1] for name in ("yaw", "pitch", "roll")])
    beyond = half + jnp.where(middle, -within, within)
    off = [
        jnp.abs((angles - labels + half) % (2 * half) - half).astype(jnp.float32).sum(-1) for angles in (within, beyond)
    ]
    off = jnp.minimum(*off)
    return jnp.where(known, off, 0).sum() / jnp.maximum(known.astype(jnp.float32).sum(), 1)


def deformation_prior(motion: HeadMotion) -> Scalar:
    """|delta|, *summed* over all numbers of the expression, the mean over the batch: faces at rest do not deform."""
    return jnp.abs(motion.expression).astype(jnp.float32).sum((-2, -1)).mean()


def depth_prior(driving: Keypoints, *, depth: float = 0.33) -> Scalar:
    """|mean_k z_k - depth|, the mean over the batch: the head stays where its volume has room around it.

    With `terms.keypoint_prior` it makes the paper's keypoint prior loss.
    """
    middle = driving.position[..., 2].astype(jnp.float32).mean(-1)
    return jnp.abs(middle - depth).mean()
