"""The estimator of a head's pose and expression: all that a frame contributes to face vid2vid."""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import SameBlock
from thf_jax.nn.bottleneck import BottleneckBlock
from thf_jax.nn.layers import Dense
from thf_jax.ops.precision import at_least_float32
from thf_jax.ops.rotation import PUBLISHED_PI, expected_degrees, rotation_matrix
from thf_jax.types import HeadMotion

STAGES = ((0, 3), (1, 3), (1, 5), (1, 2))
"""A stage doubles the width (the first: four times), then come so many blocks that halve the map, and that keep it."""


class HeadEstimator(nn.Module):
    """Rotation, translation and expression of the heads in frames [b h w 3] (Wang et al. 2021, section 3.1).

    A residual network of bottleneck blocks over the whole frame; each angle is the mean under a softmax over bins.

    Args:
        count: the number of keypoints that the expression moves.
        width: channels of the first layer; 32 times as many reach the heads.
        bins: of an angle, 3 degrees each, the middle of all of them near 0.
        order: of the rotation's factors, see `ops.rotation.Order`; the older weights want `roll_pitch_yaw`.
        pi: what 180 degrees are.
    """

    count: int = 15
    width: int = 64
    bins: int = 66
    order: str = "pitch_yaw_roll"
    pi: float = PUBLISHED_PI

    @nn.compact
    def __call__(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> HeadMotion:
        x = SameBlock(self.width, 7, stride=2, name="same1")(frame, train=train)
        x = nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))  # pyright: ignore[reportArgumentType]
        for stage, (halving, keeping) in enumerate(STAGES):
            x = SameBlock(self.width * 2 ** (stage + 2), 1, name=f"same{stage + 2}")(x, train=train)
            for index in range(halving + keeping):
                stride = 2 if index < halving else 1
                x = BottleneckBlock(stride, name=f"stage{stage}_{index}")(x, train=train)
        features = at_least_float32(x).mean((1, 2))
        yaw, pitch, roll = (self._angle(features, name) for name in ("yaw", "pitch", "roll"))
        expression = self._linear(features, 3 * self.count, "expression")
        return HeadMotion(
            rotation=rotation_matrix(yaw, pitch, roll, order=self.order, pi=self.pi),
            translation=self._linear(features, 3, "translation"),
            expression=expression.reshape(-1, self.count, 3),
        )

    def _angle(self, features: Array, name: str) -> Array:
        return expected_degrees(self._linear(features, self.bins, name), first=-3.0 * (self.bins // 2))

    def _linear(self, features: Array, count: int, name: str) -> Array:
        return Dense(count, precise=True, name=name)(features)
