"""The bottleneck residual block (He et al. 2016)."""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.layers import BatchNorm, Conv


class BottleneckBlock(nn.Module):
    """x plus a branch of 1 x 1, 3 x 3 and 1 x 1 convolutions, a quarter as wide in between; then ReLU. Keeps the width.

    Batch norm follows every convolution. With a stride above 1 the 3 x 3 convolution takes it, and x goes through a
    1 x 1 convolution of that stride. The branch's last norm starts with a scale of 0, so that a deep stack starts as a
    shallow one (Goyal et al. 2017, section 5.1): with 1 its gradients explode and small batches teach it nothing.
    """

    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b y x c"]:
        channels = x.shape[-1]

        def conv(y: Array, name: str, features: int, size: int, stride: int = 1) -> Array:
            return Conv(features, size, stride=stride, bias_cancels=train, name=name)(y)

        branch = nn.relu(BatchNorm(name="norm1")(conv(x, "conv1", channels // 4, 1), train=train))
        branch = nn.relu(BatchNorm(name="norm2")(conv(branch, "conv2", channels // 4, 3, self.stride), train=train))
        last = BatchNorm(scale_init=nn.initializers.zeros, name="norm3")
        branch = last(conv(branch, "conv3", channels, 1), train=train)
        if self.stride > 1:
            x = BatchNorm(name="norm4")(conv(x, "skip", channels, 1, self.stride), train=train)
        return nn.relu(x + branch)
