"""The appearance volume: a source picture as features in 3-D."""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.blocks import DownBlock, ResidualBlock, SameBlock, widths
from thf_jax.nn.layers import Conv
from thf_jax.nn.volume import to_volume


class AppearanceEncoder(nn.Module):
    """A volume of features [b z h w c] of pictures [b y x 3] (Wang et al. 2021, section 3.1; LivePortrait's F).

    Args:
        width, most, down_blocks: block i has min(most, width * 2^(i+1)) channels; the picture is halved so often.
        first_size: of the first convolution; 3 before the SPADE generator and in LivePortrait, 7 before the plain one.
        channels, volume_depth: of the volume.
        residual_blocks: in 3-D, at the volume's size.
    """

    width: int = 64
    most: int = 512
    down_blocks: int = 2
    first_size: int = 3
    channels: int = 32
    volume_depth: int = 16
    residual_blocks: int = 6

    @nn.compact
    def __call__(self, image: Float[Array, "b y x 3"], *, train: bool = False) -> Float[Array, "b z h w c"]:
        times = 2**self.down_blocks
        if image.shape[1] % times or image.shape[2] % times:
            raise InputError(
                f"an appearance encoder halves its picture {self.down_blocks} times: the sides must be multiples of "
                f"{times}, not {image.shape[1]} x {image.shape[2]}; take another size or depth"
            )
        x = SameBlock(self.width, self.first_size, name="first")(image, train=train)
        for index, features in enumerate(widths(self.width, self.most, self.down_blocks)):
            x = DownBlock(features, name=f"down_{index}")(x, train=train)
        volume = to_volume(Conv(self.channels * self.volume_depth, 1, name="lift")(x), self.volume_depth)
        for index in range(self.residual_blocks):
            volume = ResidualBlock(name=f"residual_{index}")(volume, train=train)
        return volume
