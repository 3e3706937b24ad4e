"""The blocks that the whole family is built from: convolution, batch norm and ReLU in five arrangements.

Those of `Conv` act on maps [b h w c] and on volumes [b z h w c] alike, see `convolution`.
"""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.convolution import average_pool, double
from thf_jax.nn.layers import BatchNorm, Conv, GroupConv


def _conv_norm_relu(
    x: Array, features: int, size: int, train: bool, *, doubled: bool = False, stride: int = 1
) -> Array:
    x = Conv(features, size, doubled=doubled, bias_cancels=train, stride=stride, name="conv")(x)
    return nn.relu(BatchNorm(name="norm")(x, train=train))


class SameBlock(nn.Module):
    """Convolution, batch norm, ReLU; with a stride of 1 the size is kept."""

    features: int
    size: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b *space c"], *, train: bool) -> Float[Array, "b *small features"]:
        return _conv_norm_relu(x, self.features, self.size, train, stride=self.stride)


class DownBlock(nn.Module):
    """A `SameBlock` of size 3, then 2 x 2 average pooling."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "*b h w c"], *, train: bool) -> Float[Array, "*b h//2 w//2 features"]:
        return average_pool(_conv_norm_relu(x, self.features, 3, train))


class UpBlock(nn.Module):
    """Nearest-neighbour doubling of rows and columns, then a `SameBlock` of size 3."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "*b h w c"], *, train: bool) -> Float[Array, "*b 2*h 2*w features"]:
        # The gradient of the cheaper form is the slower one, so training enlarges the map for real.
        if train:
            return _conv_norm_relu(double(x), self.features, 3, train)
        return _conv_norm_relu(x, self.features, 3, train, doubled=True)


class GroupBlock(nn.Module):
    """`GroupConv`, batch norm, ReLU."""

    groups: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        x = GroupConv(self.groups, bias_cancels=train, name="conv")(x)
        return nn.relu(BatchNorm(name="norm")(x, train=train))


class ResidualBlock(nn.Module):
    """x plus (batch norm, ReLU, convolution) twice; width and size are kept (pre-activation)."""

    @nn.compact
    def __call__(self, x: Float[Array, "b *space c"], *, train: bool) -> Float[Array, "b *space c"]:
        branch = x
        for index in ("1", "2"):
            branch = nn.relu(BatchNorm(name=f"norm{index}")(branch, train=train))
            cancels = train and index == "1"  # by the norm that follows
            branch = Conv(x.shape[-1], 3, bias_cancels=cancels, name=f"conv{index}")(branch)
        return x + branch


def widths(first: int, most: int, count: int) -> list[int]:
    """The widths of a stack of `count` down-sampling blocks: first * 2, first * 4, ..., none above `most`."""
    return [min(most, first * 2 ** (index + 1)) for index in range(count)]
