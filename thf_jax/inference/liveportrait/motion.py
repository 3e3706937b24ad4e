"""From the motions of source and driver to the motion that is rendered."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thf_jax.inference.liveportrait.regions import Region
from thf_jax.inference.liveportrait.smoothing import smooth_rows
from thf_jax.ops.rotation import product3
from thf_jax.types import HeadMotion


def transferred(driving: HeadMotion, initial: HeadMotion, source: HeadMotion) -> HeadMotion:
    """The driver's change since `initial`, applied to the source: relative motion. Leading axes broadcast.

    R = R_s R_0^T R_d, where `HeadMotion.transfer` has the factors the other way round: LivePortrait writes its matrices
    transposed, as R_d R_0^T R_s.
    """
    turn = product3(initial.rotation.mT, driving.rotation)
    return HeadMotion(
        rotation=product3(source.rotation, turn),
        translation=source.translation + driving.translation - initial.translation,
        expression=source.expression + driving.expression - initial.expression,
        scale=_size(source) * _size(driving) / _size(initial),
    )


def taken_over(driving: HeadMotion, source: HeadMotion) -> HeadMotion:
    """The driver's own motion at the source's size: absolute motion."""
    return dataclasses.replace(driving, scale=_size(source))


def held_in_place(motion: HeadMotion, source: HeadMotion) -> HeadMotion:
    """The motion where the source is, and as large: what a source that moves itself keeps of its own."""
    return dataclasses.replace(motion, translation=source.translation, scale=_size(source))


def one_picture_as_initial(driving: HeadMotion, neutral: Float[np.ndarray, "k 3"] | Array | None) -> HeadMotion:
    """What a single driving picture is compared with: itself with the `neutral` expression. Its pose says nothing then.

    Args:
        neutral: None means no expression at all, zeros.
    """
    expression = jnp.zeros_like(driving.expression)
    return dataclasses.replace(driving, expression=expression if neutral is None else expression + neutral)


def limited(motion: HeadMotion, source: HeadMotion, region: Region) -> HeadMotion:
    """The motion within the region, the source's own elsewhere."""
    placed = motion if region.pose else source
    return HeadMotion(
        rotation=placed.rotation,
        translation=placed.translation,
        expression=jnp.where(region.expression, motion.expression, source.expression),
        scale=_size(motion if region.scale else source),
    )


def smoothed(motions: HeadMotion, variance: float) -> HeadMotion:
    """The motions of a clip, a row a frame, their rotation and expression smoothed, see `smooth_rows`.

    A matrix's nine numbers are smoothed one by one, as in the original: it is not quite a rotation any more.
    """
    rotation, expression = (
        jnp.asarray(smooth_rows(np.asarray(rows), variance)) for rows in (motions.rotation, motions.expression)
    )
    return dataclasses.replace(motions, rotation=rotation, expression=expression)


def _size(motion: HeadMotion) -> jax.Array:
    return jnp.ones_like(motion.translation[..., :1]) if motion.scale is None else motion.scale
