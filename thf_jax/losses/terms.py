"""Every loss term of the family: one float32 number each, a mean over everything unless its docstring says else."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.filtering import pyramid
from thf_jax.ops.linalg2 import inverse, product
from thf_jax.ops.motion import unswapped
from thf_jax.ops.precision import at_least_float32
from thf_jax.ops.splines import Deformation, deform_points, deformation_jacobian
from thf_jax.types import Keypoints

Scalar = Float[Array, ""]


def reconstruction(prediction: Float[Array, "*s"], target: Float[Array, "*s"]) -> Scalar:
    """The mean absolute difference of two images, or of features."""
    difference = at_least_float32(prediction) - at_least_float32(target)
    return jnp.abs(difference).astype(jnp.float32).mean()


def perceptual(
    features: Callable[[Array], Sequence[Array]],
    prediction: Float[Array, "b h w 3"],
    target: Float[Array, "b h w 3"],
    *,
    scales: Sequence[float],
) -> Scalar:
    """The mean absolute difference of features, *summed* over the scales of a pyramid and the layers of the network.

    (FOMM, section 3.3; Johnson et al. 2016.) No gradient flows into the target.

    Args:
        features: images [b h w 3] in [0, 1] -> a list of feature maps, for instance VGG19's.
        scales: 1 / n each; the published value is 1, 1/2, 1/4, 1/8.
    """
    levels = jax.vmap(lambda image: pyramid(image, scales))
    total = jnp.zeros((), jnp.float32)
    for predicted, wanted in zip(levels(prediction), levels(jax.lax.stop_gradient(target)), strict=True):
        for ours, theirs in zip(features(predicted), features(wanted), strict=True):
            total += reconstruction(ours, jax.lax.stop_gradient(theirs))
    return total


def equivariance_position(driving: Keypoints, deformation: Deformation, transformed: Keypoints) -> Scalar:
    """|p - T(p')|: keypoints of a frame, against those of the frame deformed by T, mapped back (FOMM, section 3.3).

    Args:
        driving, deformation, transformed: each with a leading batch axis, one deformation an example.
    """
    # The plane is deformed: of keypoints in 3-D, x and y are compared.
    mapped = jax.vmap(deform_points)(deformation, transformed.position[..., :2])
    return reconstruction(driving.position[..., :2], mapped)


def equivariance_jacobian(
    driving: Keypoints, deformation: Deformation, transformed: Keypoints, *, axis_swap: bool = False
) -> Scalar:
    """|1 - J^-1 (dT/dp)(p') J'|: the same for Jacobians (FOMM, section 3.3). Zero where keypoints have no Jacobian.

    Args:
        axis_swap: whether Jacobians are known up to their sign, see `ops.motion.unswapped` (MRAA).
    """
    if driving.jacobian is None or transformed.jacobian is None:
        return jnp.zeros((), jnp.float32)
    outer = jax.vmap(deformation_jacobian)(deformation, transformed.position)
    change = product(inverse(driving.jacobian), product(outer, transformed.jacobian))
    change = unswapped(change) if axis_swap else change
    return reconstruction(change, jnp.broadcast_to(jnp.eye(2, dtype=change.dtype), change.shape))


def keypoint_prior(driving: Keypoints, *, least_square: float = 0.1) -> Scalar:
    """max(0, 0.1 - |p_i - p_j|^2), *summed* over all ordered pairs of different keypoints, the mean over the batch.

    Keeps keypoints from gathering in one place (Wang et al. 2021, "One-Shot Free-View Neural Talking-Head Synthesis").

    Args:
        least_square: the squared distance, in squared coordinate units, from which on a pair costs nothing.
    """
    position = driving.position
    square = jnp.square(position[..., :, None, :] - position[..., None, :, :]).sum(-1)
    shortfall = jnp.maximum(0, least_square - square).astype(jnp.float32)
    count = position.shape[-2]
    return (shortfall * (1 - jnp.eye(count, dtype=jnp.float32))).sum((-2, -1)).mean()


def feature_matching(real: Sequence[Array], fake: Sequence[Array], *, weights: Sequence[float] | None = None) -> Scalar:
    """The mean absolute difference of the discriminator's features, summed over its blocks.

    Where the discriminator is shown keypoints that are being trained, `real` depends on them as `fake` does, and the
    gradient flows through both.

    Args:
        weights: one a block; 1 each where not given.
    """
    total = jnp.zeros((), jnp.float32)
    for weight, ours, theirs in zip(weights or [1.0] * len(real), real, fake, strict=True):
        total += weight * reconstruction(ours, theirs)
    return total
