"""Normalisation whose scale and shift are painted by a map, pixel by pixel (SPADE; Park et al. 2019)."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.layers import Conv
from thf_jax.nn.spectral import SpectralConv


def enlarge(x: Float[Array, "b h w c"], shape: tuple[int, int]) -> Float[Array, "b y x c"]:
    """Every pixel repeated until the map has this shape, a whole multiple of its own.

    Raises:
        InputError: it is no such multiple.
    """
    for axis, size in zip((1, 2), shape, strict=True):
        if size % x.shape[axis]:
            raise InputError(f"a map of {x.shape[1]} x {x.shape[2]} cannot be repeated to {shape[0]} x {shape[1]}")
        x = jnp.repeat(x, size // x.shape[axis], axis=axis)
    return x


class SPADE(nn.Module):
    """x without its mean and deviation, times (1 + gamma), plus beta; both are convolutions of the map (equation 1).

    Args:
        width: channels of the layer between the map and gamma and beta.
    """

    width: int = 128

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], guide: Float[Array, "b y x n"]) -> Float[Array, "b h w c"]:
        normalized = nn.InstanceNorm(epsilon=1e-5, use_bias=False, use_scale=False, use_fast_variance=False)(x)
        hidden = nn.relu(Conv(self.width, 3, name="shared")(enlarge(guide, (x.shape[1], x.shape[2]))))
        gamma = Conv(x.shape[-1], 3, name="gamma")(hidden)
        return normalized * (1 + gamma) + Conv(x.shape[-1], 3, name="beta")(hidden)


class SPADEResidualBlock(nn.Module):
    """x plus (SPADE, leaky ReLU, convolution) twice; where the width changes, x goes through a SPADE and a 1 x 1 layer.

    The convolutions are divided by their largest singular value.

    Args:
        features: channels of the result.
        width: of the modulation.
        bias_cancels: as in `Conv`, of the last bias: another such block follows, which takes every mean away. The bias
            before it always cancels.
    """

    features: int
    width: int = 128
    bias_cancels: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], guide: Float[Array, "b y x n"], *, train: bool
    ) -> Float[Array, "b h w features"]:
        branch = x
        for index, features in enumerate((min(x.shape[-1], self.features), self.features)):
            branch = nn.leaky_relu(SPADE(self.width, name=f"norm{index}")(branch, guide), 0.2)
            cancels = self.bias_cancels or index == 0
            conv = SpectralConv(features, 3, normalize=True, bias_cancels=cancels, padding=1, name=f"conv{index}")
            branch = conv(branch, train=train)
        if x.shape[-1] == self.features:
            return x + branch
        shortcut = SpectralConv(self.features, 1, normalize=True, use_bias=False, name="shortcut")
        return shortcut(SPADE(self.width, name="shortcut_norm")(x, guide), train=train) + branch
