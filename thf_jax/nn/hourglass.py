"""The hourglass: down to a small map, up again, every encoder feature handed across to the decoder."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.blocks import DownBlock, UpBlock, widths


class Hourglass(nn.Module):
    """[*b h w c] -> [*b h w width + c]: features of every scale, and the input itself as the last c channels.

    Args:
        width: channels of the last decoder block; block i of the encoder has min(most, width * 2^(i+1)).
        depth: how often the map is halved; h and w must be divisible by 2^depth.
        most: the upper bound of every width.

    Raises:
        InputError: the map cannot be halved so often.
    """

    width: int
    depth: int
    most: int = 1024

    @nn.compact
    def __call__(self, x: Float[Array, "*b h w c"], *, train: bool) -> Float[Array, "*b h w n"]:
        h, w = x.shape[-3:-1]
        if h % 2**self.depth or w % 2**self.depth:
            raise InputError(
                f"an hourglass of depth {self.depth} halves its map {self.depth} times: the sides must be multiples of "
                f"{2**self.depth}, not {h} x {w}; take another size of image, a larger scale or a smaller depth"
            )
        encoder = widths(self.width, self.most, self.depth)
        skips = [x]
        for index, features in enumerate(encoder):
            skips.append(DownBlock(features, name=f"down{index}")(skips[-1], train=train))
        x = skips.pop()
        for index, features in enumerate([*reversed(encoder[:-1]), self.width]):
            x = UpBlock(features, name=f"up{index}")(x, train=train)
            x = jnp.concatenate([x, skips.pop()], axis=-1)
        return x
