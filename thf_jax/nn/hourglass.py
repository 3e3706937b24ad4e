"""The hourglass: down to a small map, up again, every encoder feature handed across to the decoder."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.blocks import DownBlock, UpBlock, widths


class Encoder(nn.Module):
    """[*b h w c] -> the map itself and the features after each halving, the smallest last.

    Args:
        width: block i has min(most, width * 2^(i+1)) channels.
        depth: how often the map is halved; h and w must be divisible by 2^depth.
        most: the upper bound of every width.

    Raises:
        InputError: the map cannot be halved so often.
    """

    width: int
    depth: int
    most: int = 1024

    @nn.compact
    def __call__(self, x: Float[Array, "*b h w c"], *, train: bool) -> list[Float[Array, "*b _h _w _c"]]:
        h, w = x.shape[-3:-1]
        if h % 2**self.depth or w % 2**self.depth:
            raise InputError(
                f"an hourglass of depth {self.depth} halves its map {self.depth} times: the sides must be multiples of "
                f"{2**self.depth}, not {h} x {w}; take another size of image, a larger scale or a smaller depth"
            )
        features = [x]
        for index, channels in enumerate(widths(self.width, self.most, self.depth)):
            features.append(DownBlock(channels, name=f"down{index}")(features[-1], train=train))
        return features


class Decoder(nn.Module):
    """An encoder's maps -> [*b h w width + c]: the smallest one enlarged, and joined by the others on the way.

    Args:
        width, depth, most: the encoder's. The maps may have more channels than the encoder gave them.
    """

    width: int
    depth: int
    most: int = 1024

    @nn.compact
    def __call__(self, features: Sequence[Float[Array, "*b _h _w _c"]], *, train: bool) -> Float[Array, "*b h w n"]:
        *skips, x = features
        channels = [*reversed(widths(self.width, self.most, self.depth)[:-1]), self.width]
        for index, (count, skip) in enumerate(zip(channels, reversed(skips), strict=True)):
            x = UpBlock(count, name=f"up{index}")(x, train=train)
            x = jnp.concatenate([x, skip.astype(x.dtype)], axis=-1)  # the largest is the input, maybe more exact
        return x


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

    def setup(self):
        self.encoder = Encoder(self.width, self.depth, self.most)
        self.decoder = Decoder(self.width, self.depth, self.most)
        # Their blocks are named as if they were this module's own.
        nn.share_scope(self, self.encoder)
        nn.share_scope(self, self.decoder)

    def __call__(self, x: Float[Array, "*b h w c"], *, train: bool) -> Float[Array, "*b h w n"]:
        return self.decoder(self.encoder(x, train=train), train=train)
