"""The U-net of pix2pix (Isola et al., CVPR 2017) in the form that X2Face gave it: bilinear enlargement, no biases."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.blocks import widths
from thf_jax.nn.layers import BatchNorm, Conv
from thf_jax.ops.upsampling import double_bilinear

xavier_normal = nn.initializers.variance_scaling(1.0, "fan_avg", "normal")
"""PyTorch's Xavier initialisation of gain 1: normal, with a variance of 2 / (fan_in + fan_out), not truncated."""


def published_scale(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
    """U[0.02, 1]: how the published training starts the scales of batch norm."""
    return jax.random.uniform(key, shape, dtype, 0.02, 1.0)


class Halving(nn.Module):
    """Leaky ReLU (slope 0.2), a 4 x 4 convolution of stride 2, batch norm; the first and the last as switched off."""

    features: int
    activated: bool = True
    normalized: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h//2 w//2 features"]:
        x = nn.leaky_relu(x, 0.2) if self.activated else x
        x = Conv(self.features, 4, 1, stride=2, use_bias=False, kernel_init=xavier_normal, name="conv")(x)
        return BatchNorm(scale_init=published_scale, name="norm")(x, train=train) if self.normalized else x


class Doubling(nn.Module):
    """ReLU, bilinear doubling, a 3 x 3 convolution, batch norm; the last where it is not switched off."""

    features: int
    normalized: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b 2*h 2*w features"]:
        x = double_bilinear(nn.relu(x))
        x = Conv(
            self.features, 3, use_bias=False, kernel_init=xavier_normal, precise_result=not self.normalized, name="conv"
        )(x)
        return BatchNorm(scale_init=published_scale, name="norm")(x, train=train) if self.normalized else x


class UNet(nn.Module):
    """[b h w c] -> [b h w outputs] by way of a small code. The two halves are `encode` and `decode`.

    Args:
        outputs: channels of the map; neither batch norm nor an activation stands behind it.
        code: channels of the code, which is 2^depth times smaller than the map and comes as it is, before any ReLU.
        skips: whether each level of the way down is handed across to the way up.
        width, most: level i of the way down, the code apart, has min(most, width * 2^i) channels.
        depth: how often the map is halved; h and w must be divisible by 2^depth.
    """

    outputs: int
    code: int
    skips: bool
    width: int = 64
    depth: int = 8
    most: int = 512

    def setup(self):
        levels = [self.width, *widths(self.width, self.most, self.depth - 2)]
        last = self.depth - 1
        self.down = [
            Halving(features, activated=level > 0, normalized=0 < level < last)
            for level, features in enumerate([*levels, self.code])
        ]
        self.up = [Doubling(features, normalized=level > 0) for level, features in enumerate([self.outputs, *levels])]

    def encode(
        self, x: Float[Array, "b h w c"], *, train: bool = False
    ) -> tuple[Float[Array, "b y x code"], list[Array]]:
        """The code, and the maps that `decode` takes beside it: none without `skips`.

        Raises:
            InputError: the map cannot be halved so often, or a depth of less than 2.
        """
        sides = x.shape[1:3]
        if self.depth < 2 or any(side % 2**self.depth for side in sides):
            raise InputError(
                f"a U-net of depth {self.depth} halves its map {self.depth} times, at least twice: the sides must be "
                f"multiples of {2**self.depth}, not {sides[0]} x {sides[1]}; take another size of image or depth"
            )
        maps = []
        for block in self.down:
            x = block(x, train=train)
            maps.append(x)
        return x, maps[:-1] if self.skips else []

    def decode(
        self, code: Float[Array, "b y x code"], maps: Sequence[Array] = (), *, train: bool = False
    ) -> Float[Array, "b h w outputs"]:
        """The map of this code and of what `encode` gave beside it."""
        x, maps = code, list(maps)
        for level, block in reversed(list(enumerate(self.up))):
            x = block(x, train=train)
            if level and self.skips:
                x = jnp.concatenate([x, maps.pop()], axis=-1)
        return x

    def __call__(self, x: Float[Array, "b h w c"], *, train: bool = False) -> Float[Array, "b h w outputs"]:
        """The whole way, down and up again."""
        return self.decode(*self.encode(x, train=train), train=train)
