"""Monkey-Net's generator: the source's features of every size, each of them warped."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.models.dense_motion import heatmap_difference
from thf_jax.nn.blocks import ResidualBlock
from thf_jax.nn.hourglass import Decoder, Encoder
from thf_jax.nn.layers import Conv
from thf_jax.ops.sampling import resize_map, sample
from thf_jax.types import EncodedImage, Keypoints, Rendering, Warp


class DeformingGenerator(nn.Module):
    """An image [b h w 3] from the source's features of every size, each of them warped (Monkey-Net, section 3.3).

    Args:
        width, depth, most: of encoder and decoder, as in an hourglass.
        refinement_blocks: residual blocks at full size, after the decoder.
        scale: the keypoints' heat-maps, which stand beside every warped feature, are made at this fraction of the size.
        variance, heatmap_gain: of the heat-maps, see `DenseMotion`.
        interpolation: how flow and heat-maps are brought to a feature's size.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 32
    depth: int = 7
    most: int = 1024
    refinement_blocks: int = 4
    scale: float = 0.25
    variance: float = 0.01
    heatmap_gain: float = 0.01
    interpolation: Literal["linear", "nearest"] = "linear"
    align_corners: bool = True

    def setup(self):
        self.encoder = Encoder(self.width, self.depth, self.most)
        self.decoder = Decoder(self.width, self.depth, self.most)
        self.refinement = [ResidualBlock() for _ in range(self.refinement_blocks)]
        self.final = Conv(3, 1, precise_result=True)

    def encode(self, image: Float[Array, "b h w 3"], *, train: bool = False) -> list[Array]:
        """Features of the source, the image itself first, the smallest last."""
        return self.encoder(image, train=train)

    def __call__(self, encoded: EncodedImage, motion: Keypoints, warp: Warp, *, train: bool = False) -> Rendering:
        """The picture for the warp that leads from the source's keypoints to those of `motion`."""
        size = round(encoded.image.shape[1] * self.scale), round(encoded.image.shape[2] * self.scale)
        heatmaps = self.heatmap_gain * jax.vmap(
            lambda at, to: heatmap_difference(at, to, size, variance=self.variance)
        )(encoded.motion, motion)
        moved = [jax.vmap(self._move)(skip, warp.grid, heatmaps) for skip in encoded.features]
        x = self.decoder(moved, train=train)
        for block in self.refinement:
            x = block(x, train=train)
        return Rendering(nn.sigmoid(self.final(x)), warp)

    def _move(self, skip: Array, grid: Array, heatmaps: Array) -> Array:
        """For one example: a feature map under the flow, and beside it the heat-maps."""
        shape = (skip.shape[0], skip.shape[1])
        moved = sample(skip, self._resized(grid, shape), align_corners=self.align_corners)
        return jnp.concatenate([moved, self._resized(heatmaps, shape).astype(moved.dtype)], axis=-1)

    def _resized(self, values: Array, shape: tuple[int, int]) -> Array:
        return resize_map(values, shape, method=self.interpolation)
