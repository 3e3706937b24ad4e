"""LivePortrait's three small networks, which correct keypoints as they stand in the picture."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.perceptron import Perceptron

Positions = Float[Array, "b k 3"]


class Corrector(nn.Module):
    """Stitching, and retargeting of eyes and lips (Guo et al. 2024, section 3.3).

    Args:
        count: the number of keypoints.
        stitching, eyes, lips: the widths of each network's hidden layers.
    """

    count: int = 21
    stitching: Sequence[int] = (128, 128, 64)
    eyes: Sequence[int] = (256, 256, 128, 128, 64)
    lips: Sequence[int] = (128, 128, 64)

    def setup(self) -> None:
        numbers = 3 * self.count
        self.stitch_network = Perceptron(self.stitching, numbers + 2)
        self.eye_network = Perceptron(self.eyes, numbers)
        self.lip_network = Perceptron(self.lips, numbers)

    def stitch(self, source: Positions, driven: Positions) -> Positions:
        """The driven keypoints, so moved that neck and shoulders stay where the source has them.

        Each keypoint is moved on its own, then all of them together within the picture plane.
        """
        change = self.stitch_network(jnp.concatenate([_flat(source), _flat(driven)], axis=-1))
        together = jnp.pad(change[:, -2:], ((0, 0), (0, 1)))
        return driven + change[:, :-2].reshape(driven.shape) + together[:, None]

    def open_eyes(self, source: Positions, openness: Float[Array, "b 3"]) -> Positions:
        """What to add to the keypoints, so that eyes become as open as the last number says.

        Args:
            source: the keypoints of the source.
            openness: of its left and its right eye, then the wanted one of both; see `inference.landmarks`.
        """
        return self.eye_network(jnp.concatenate([_flat(source), openness], axis=-1)).reshape(source.shape)

    def open_lips(self, source: Positions, openness: Float[Array, "b 2"]) -> Positions:
        """What to add to the keypoints, so that lips as open as the first number says become as the second."""
        return self.lip_network(jnp.concatenate([_flat(source), openness], axis=-1)).reshape(source.shape)

    def __call__(self, source: Positions, driven: Positions) -> Positions:
        """The sum of all three, eyes and lips closed. Initialises every parameter."""
        closed = jnp.zeros((source.shape[0], 3), source.dtype)
        changes = self.open_eyes(source, closed) + self.open_lips(source, closed[:, :2])
        return self.stitch(source, driven) + changes


def _flat(positions: Array) -> Array:
    return positions.reshape(positions.shape[0], -1)
