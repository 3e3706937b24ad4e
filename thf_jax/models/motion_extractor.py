"""LivePortrait's motion extractor: all numbers that say what a frame does, from one network."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.convnext import ConvNeXt
from thf_jax.nn.layers import Dense
from thf_jax.ops.rotation import expected_degrees, rotation_matrix
from thf_jax.types import HeadMotion


class MotionExtractor(nn.Module):
    """Canonical keypoints and head motion of frames by ConvNeXt V2 and linear heads (Guo et al. 2024, section 3.1).

    Args:
        count: the number of keypoints.
        bins: of each angle, 3 degrees wide; their middle is 0 degrees.
        depths, widths: of the ConvNeXt.
        order, pi: how angles make a rotation, see `ops.rotation`.
    """

    count: int = 21
    bins: int = 66
    depths: Sequence[int] = (3, 3, 9, 3)
    widths: Sequence[int] = (96, 192, 384, 768)
    order: str = "roll_yaw_pitch"
    pi: float = math.pi

    @nn.compact
    def __call__(self, frame: Float[Array, "b h w 3"]) -> tuple[Float[Array, "b k 3"], HeadMotion]:
        features = ConvNeXt(self.depths, self.widths, name="backbone")(frame)

        def head(name: str, outputs: int) -> Array:
            return Dense(outputs, precise=True, name=name)(features)

        first = -1.5 * (self.bins - 1)
        yaw, pitch, roll = (expected_degrees(head(name, self.bins), first=first) for name in ("yaw", "pitch", "roll"))
        canonical, expression = (
            head(name, 3 * self.count).reshape(-1, self.count, 3) for name in ("canonical", "expression")
        )
        # Distance from the camera shows in the scale: the original ignores t_z wherever it uses t.
        translation = head("translation", 3) * jnp.array([1, 1, 0], features.dtype)
        motion = HeadMotion(
            rotation=rotation_matrix(yaw, pitch, roll, order=self.order, pi=self.pi),
            translation=translation,
            expression=expression,
            scale=head("scale", 1),
        )
        return canonical, motion
