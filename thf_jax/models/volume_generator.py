"""The generator behind a warped volume: flattened, dimmed where the source is of no use, and painted."""

import jax
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import ResidualBlock, UpBlock
from thf_jax.nn.convolution import double
from thf_jax.nn.layers import BatchNorm, Conv
from thf_jax.nn.modulation import SPADEResidualBlock
from thf_jax.nn.volume import to_map
from thf_jax.ops.sampling import sample
from thf_jax.types import Rendering, VolumeWarp


class VolumeGenerator(nn.Module):
    """Pictures [b h w 3] from the source's volume and a warp (Wang et al. 2021, section 3.3).

    Args:
        width: channels at the size of the picture; at the size of the volume there are width * 2^up_blocks.
        up_blocks: how often the map is doubled.
        middle_blocks: residual blocks at the size of the volume.
        spade: whether the warped features modulate the painting at every size (Park et al. 2019) or only begin it.
        modulation_width: of SPADE.
        upscale: how many times larger than its last map the picture is, by sub-pixel convolution (Shi et al. 2016);
            2 in LivePortrait; with `spade` alone.
        last_width: channels of the last map; None means `width`; with `spade` alone.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 64
    up_blocks: int = 2
    middle_blocks: int = 6
    spade: bool = True
    modulation_width: int = 128
    upscale: int = 1
    last_width: int | None = None
    align_corners: bool = False

    @nn.compact
    def __call__(self, volume: Float[Array, "b z h w c"], warp: VolumeWarp, *, train: bool = False) -> Rendering:
        features = self._flattened(volume, warp, train)
        painted = self._spade(features, train) if self.spade else self._plain(features, train)
        return Rendering(nn.sigmoid(painted), warp)

    def _flattened(self, volume: Array, warp: VolumeWarp, train: bool) -> Array:
        """The warped volume as a map of features, those that are not visible dimmed."""

        def move(source: Array, grid: Array) -> Array:
            return sample(source, grid, align_corners=self.align_corners)

        channels = self.width * 2**self.up_blocks
        x = Conv(channels, 3, bias_cancels=train, name="flatten")(to_map(jax.vmap(move)(volume, warp.grid)))
        x = nn.leaky_relu(BatchNorm(name="flatten_norm")(x, train=train), 0.01)
        x = Conv(channels, 1, name="mix")(x)
        return x if warp.visibility is None else x * warp.visibility.astype(x.dtype)

    def _plain(self, x: Array, train: bool) -> Array:
        for index in range(self.middle_blocks):
            x = ResidualBlock(name=f"residual_{index}")(x, train=train)
        for index in range(self.up_blocks):
            x = UpBlock(self.width * 2 ** (self.up_blocks - 1 - index), name=f"up_{index}")(x, train=train)
        return Conv(3, 7, precise_result=True, name="final")(x)

    def _spade(self, guide: Array, train: bool) -> Array:
        """Twice the guide's channels at its size; after a doubling as many as it, then half, ..., `last_width`."""
        x = Conv(2 * guide.shape[-1], 3, bias_cancels=True, name="first")(guide)
        for index in range(self.middle_blocks):
            block = SPADEResidualBlock(x.shape[-1], self.modulation_width, bias_cancels=True, name=f"middle_{index}")
            x = block(x, guide, train=train)
        for index in range(self.up_blocks):
            last = index == self.up_blocks - 1
            features = (self.last_width or self.width) if last else self.width * 2 ** (self.up_blocks - index)
            block = SPADEResidualBlock(features, self.modulation_width, bias_cancels=not last, name=f"up_{index}")
            x = block(double(x), guide, train=train)
        x = Conv(3 * self.upscale**2, 3, precise_result=True, name="final")(nn.leaky_relu(x, 0.2))
        return pixel_shuffle(x, self.upscale)


def pixel_shuffle(x: Float[Array, "b h w n"], factor: int) -> Float[Array, "b _y _x _c"]:
    """Channels laid out as pixels: result[factor h + i, factor w + j, c] = x[h, w, (c factor + i) factor + j]."""
    b, h, w, n = x.shape
    x = x.reshape(b, h, w, n // factor**2, factor, factor).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(b, factor * h, factor * w, n // factor**2)
