"""The loss terms that face vid2vid adds to the family's (Wang et al. 2021, section 3.4 and supplement A.2).

Its other terms are those of `terms`: perceptual, feature matching, equivariance (of x and y) and the keypoint prior.
"""

from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.rotation import PUBLISHED_PI, angles_of
from thf_jax.types import HeadMotion, Keypoints

Scalar = Float[Array, ""]


def hinge_generator(fakes: Sequence[Float[Array, "b _y _x 1"]]) -> Scalar:
    """-D(fake), the mean over each map of scores, summed over the scales of a discriminator (Lim and Ye 2017)."""
    return _sum(-_mean(fake) for fake in fakes)


def hinge_discriminator(
    reals: Sequence[Float[Array, "b _y _x 1"]], fakes: Sequence[Float[Array, "b _y _x 1"]]
) -> Scalar:
    """max(0, 1 - D(real)) + max(0, 1 + D(fake)), the mean over each map of scores, summed over the scales."""
    pairs = zip(reals, fakes, strict=True)
    return _sum(_mean(jnp.maximum(0, 1 - real)) + _mean(jnp.maximum(0, 1 + fake)) for real, fake in pairs)


def head_pose(
    motion: HeadMotion, degrees: Float[Array, "b 3"], *, order: str = "pitch_yaw_roll", pi: float = PUBLISHED_PI
) -> Scalar:
    """|yaw - yaw'| + |pitch - pitch'| + |roll - roll'| in degrees, the mean over the batch.

    Args:
        degrees: yaw, pitch and roll, from labels that come with the data or from a network that was taught to see them;
            no gradient flows into them.
        order, pi: how the model composes rotations, see `ops.rotation.rotation_matrix`. Angles beyond a quarter turn of
            yaw are compared as those of the same rotation within it.
    """
    ours = jnp.stack(angles_of(motion.rotation, order=order, pi=pi), axis=-1)
    return jnp.abs(ours - jax.lax.stop_gradient(degrees)).astype(jnp.float32).sum(-1).mean()


def deformation_prior(motion: HeadMotion) -> Scalar:
    """|delta|, *summed* over all numbers of the expression, the mean over the batch: faces at rest do not deform."""
    return jnp.abs(motion.expression).astype(jnp.float32).sum((-2, -1)).mean()


def depth_prior(driving: Keypoints, *, depth: float = 0.33) -> Scalar:
    """|mean_k z_k - depth|, the mean over the batch: the head stays where its volume has room around it.

    With `terms.keypoint_prior` it makes the paper's keypoint prior loss.
    """
    middle = driving.position[..., 2].astype(jnp.float32).mean(-1)
    return jnp.abs(middle - depth).mean()


def _mean(values: Array) -> Array:
    return values.astype(jnp.float32).mean()


def _sum(values: Iterable[Array]) -> Array:
    return sum(values, start=jnp.zeros((), jnp.float32))
