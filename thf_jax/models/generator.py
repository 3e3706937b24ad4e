"""The generator: features of the source, warped, dimmed where the source is of no use, and painted anew."""

import jax
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import DownBlock, ResidualBlock, SameBlock, UpBlock, widths
from thf_jax.nn.layers import Conv
from thf_jax.ops.sampling import resize_map, sample
from thf_jax.types import EncodedImage, Keypoints, Rendering, Warp


class Generator(nn.Module):
    """An image [b h w 3] from the source's features and a warp (FOMM, section 3.2; with `skips` MRAA's generator).

    Args:
        width, most: block i of the encoder has min(most, width * 2^(i+1)) channels.
        down_blocks: how often the features are halved; they are warped at the smallest size.
        residual_blocks: at the smallest size.
        skips: whether warped source features of every size, and the warped source image at the end, are blended in by
            visibility (Siarohin et al. 2021). Without it only the smallest features are warped. Where the warp has no
            visibility, all of it counts as visible and nothing that is painted remains.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 64
    most: int = 512
    down_blocks: int = 2
    residual_blocks: int = 6
    skips: bool = False
    align_corners: bool = True

    def setup(self):
        encoder = widths(self.width, self.most, self.down_blocks)
        self.first = SameBlock(self.width, 7)
        self.down = [DownBlock(features) for features in encoder]
        self.residual = [ResidualBlock() for _ in range(self.residual_blocks)]
        self.up = [UpBlock(features) for features in [*reversed(encoder[:-1]), self.width]]
        self.final = Conv(3, 7, precise_result=True)

    def encode(self, image: Float[Array, "b h w 3"], *, train: bool = False) -> list[Array]:
        """Features of the source, the largest first: all sizes with `skips`, else the smallest alone."""
        features = [self.first(image, train=train)]
        for block in self.down:
            features.append(block(features[-1], train=train))
        return features if self.skips else features[-1:]

    def __call__(self, encoded: EncodedImage, motion: Keypoints, warp: Warp, *, train: bool = False) -> Rendering:
        """The picture for this warp; of the source its image and its features count, which `encode` gave."""
        moved = [self._moved(values, warp) for values in encoded.features]  # once each: its gradient takes long
        x = _blended(*moved[-1], 0)
        for block in self.residual:
            x = block(x, train=train)
        for block in self.up:
            if self.skips:
                x = _blended(*moved.pop(), x)
            x = block(x, train=train)
        if self.skips:
            x = _blended(*moved.pop(), x)
        painted = nn.sigmoid(self.final(x))
        return Rendering(_blended(*self._moved(encoded.image, warp), painted) if self.skips else painted, warp)

    def _moved(self, values: Array, warp: Warp) -> tuple[Array, Array | None]:
        """Source values that are warped, and at their size where they are visible (None: everywhere)."""
        shape = values.shape[1:3]

        def move(source: Array, grid: Array) -> Array:
            return sample(source, resize_map(grid, shape), align_corners=self.align_corners)

        moved = jax.vmap(move)(values, warp.grid)
        if warp.visibility is None:
            return moved, None
        return moved, jax.vmap(lambda x: resize_map(x, shape))(warp.visibility).astype(moved.dtype)


def _blended(moved: Array, visibility: Array | None, painted: Array | int) -> Array:
    """The moved values where they are visible, and what was painted elsewhere."""
    return moved if visibility is None else moved * visibility + painted * (1 - visibility)
