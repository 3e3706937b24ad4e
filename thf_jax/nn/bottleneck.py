"""The bottleneck residual block (He et al. 2016)."""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import BatchNorm, Conv


class BottleneckBlock(nn.Module):
    """x plus a branch of 1 x 1, 3 x 3 and 1 x 1 convolutions, a quarter as wide in between; then ReLU. Keeps the width.

    Batch norm follows every convolution. With a stride above 1 the 3 x 3 convolution takes it, and x goes through a
    1 x 1 convolution of that stride.
    """

    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b y x c"]:
        channels = x.shape[-1]

        def conv_norm(y: Array, conv: str, norm: str, features: int, size: int, stride: int = 1) -> Array:
            y = Conv(features, size, stride=stride, bias_cancels=train, name=conv)(y)
            return BatchNorm(name=norm)(y, train=train)

        branch = nn.relu(conv_norm(x, "conv1", "norm1", channels // 4, 1))
        branch = nn.relu(conv_norm(branch, "conv2", "norm2", channels // 4, 3, self.stride))
        branch = conv_norm(branch, "conv3", "norm3", channels, 1)
        if self.stride > 1:
            x = conv_norm(x, "skip", "norm4", channels, 1, self.stride)
        return nn.relu(x + branch)
