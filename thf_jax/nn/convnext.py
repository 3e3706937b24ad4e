"""ConvNeXt V2 (Woo et al., CVPR 2023, "Co-designing and Scaling ConvNets with Masked Autoencoders")."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.layers import Dense, torch_bias, torch_uniform


class ResponseNorm(nn.Module):
    """Global response normalisation: x + gamma (x n) + beta with n = g / mean_c(g), g each channel's norm over the map.

    Section 3 of the paper. gamma and beta begin at 0, and the layer as the identity.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        gamma = self.param("gamma", nn.initializers.zeros, (x.shape[-1],))
        beta = self.param("beta", nn.initializers.zeros, (x.shape[-1],))
        square = jnp.sum(jnp.square(x), axis=(1, 2), keepdims=True)
        # The root has no slope at 0, where a channel is silent; the inner `where` keeps its NaN out of the gradient.
        response = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
        share = response / (response.mean(axis=-1, keepdims=True) + 1e-6)
        return x + gamma.astype(x.dtype) * (x * share) + beta.astype(x.dtype)


class ConvNeXtBlock(nn.Module):
    """x plus: a 7 x 7 convolution of each channel alone, and a perceptron of each pixel, four times as wide inside."""

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        width = x.shape[-1]
        y = _convolution(width, 7, groups=width, name="depthwise")(x)
        y = _layer_norm("norm")(y)
        y = nn.gelu(Dense(4 * width, name="expand")(y), approximate=False)
        y = ResponseNorm(name="response")(y)
        return x + Dense(width, name="project")(y)


class ConvNeXt(nn.Module):
    """The features of an image, averaged over its pixels and normalised: [b h w 3] -> [b c].

    Args:
        depths: blocks in each stage.
        widths: channels of each stage. The first works at a quarter of the image's size, every other at half of the one
            before.
    """

    depths: Sequence[int] = (3, 3, 9, 3)
    widths: Sequence[int] = (96, 192, 384, 768)

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b c"]:
        x = _layer_norm("norm0")(_convolution(self.widths[0], 4, stride=4, inputs=3, name="shrink0")(image))
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True)):
            if stage:
                x = _layer_norm(f"norm{stage}")(x)
                x = _convolution(width, 2, stride=2, inputs=x.shape[-1], name=f"shrink{stage}")(x)
            for block in range(depth):
                x = ConvNeXtBlock(name=f"stage{stage}_{block}")(x)
        return _layer_norm("norm")(x.mean(axis=(1, 2)))


def _convolution(
    features: int, size: int, *, name: str, stride: int = 1, groups: int = 1, inputs: int | None = None
) -> nn.Conv:
    """With a stride the kernel covers every pixel once; without one the map keeps its size."""
    fan_in = size**2 * (features if inputs is None else inputs) // groups
    return nn.Conv(
        features,
        (size, size),
        strides=stride,
        padding="VALID" if stride > 1 else "SAME",
        feature_group_count=groups,
        kernel_init=torch_uniform,
        bias_init=torch_bias(fan_in),
        name=name,
    )


def _layer_norm(name: str) -> nn.LayerNorm:
    return nn.LayerNorm(epsilon=1e-6, use_fast_variance=False, name=name)
