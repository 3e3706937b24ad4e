"""A patch discriminator: a score for every patch of a picture, and the features on the way."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import widths
from thf_jax.nn.convolution import average_pool
from thf_jax.nn.spectral import SpectralConv
from thf_jax.ops.filtering import downsample


class PatchDiscriminator(nn.Module):
    """Scores [b y x 1] and the list of features after each block.

    Each block is a 4 x 4 convolution without padding, instance norm (not in the first), leaky ReLU and 2 x 2 average
    pooling (in the last only with `pool_last`: Monkey-Net). Where heat-maps of keypoints are given, the score depends
    on the pose as well.
    """

    width: int = 32
    depth: int = 4
    most: int = 512
    spectral_norm: bool = False
    pool_last: bool = False

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "b h w c"],
        heatmaps: Float[Array, "b h w k"] | None = None,
        *,
        train: bool,
    ) -> tuple[Float[Array, "b y x 1"], list[Array]]:
        x = image if heatmaps is None else jnp.concatenate([image, heatmaps], axis=-1)
        features = []
        for index, channels in enumerate(widths(self.width, self.most, self.depth)):
            normalized = index > 0
            x = SpectralConv(channels, 4, self.spectral_norm, normalized, name=f"conv{index}")(x, train=train)
            if normalized:
                x = nn.InstanceNorm(epsilon=1e-5, use_fast_variance=False, name=f"norm{index}")(x)
            x = nn.leaky_relu(x, 0.2)
            if index < self.depth - 1 or self.pool_last:
                x = average_pool(x)
            features.append(x)
        return SpectralConv(1, 1, self.spectral_norm, precise_result=True, name="score")(x, train=train), features


class MultiScaleDiscriminator(nn.Module):
    """A `PatchDiscriminator` a scale, each with weights of its own; gives (scores, features) for one after the other.

    Args:
        scales: of the picture and of the heat-maps with it, 1 / n each, see `ops.filtering.downsample`; the published
            models have the one of 1 at 256 pixels.
        width, depth, most, spectral_norm, pool_last: of each of them.
    """

    scales: tuple[float, ...] = (1.0,)
    width: int = 32
    depth: int = 4
    most: int = 512
    spectral_norm: bool = False
    pool_last: bool = False

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w c"], heatmaps: Float[Array, "b h w k"] | None = None, *, train: bool
    ) -> list[tuple[Float[Array, "b _y _x 1"], list[Array]]]:
        judged = []
        for index, scale in enumerate(self.scales):
            shrink = jax.vmap(functools.partial(downsample, scale=scale))
            settings = (self.width, self.depth, self.most, self.spectral_norm, self.pool_last)
            judge = PatchDiscriminator(*settings, name=f"scale{index}")
            judged.append(judge(shrink(image), None if heatmaps is None else shrink(heatmaps), train=train))
        return judged
