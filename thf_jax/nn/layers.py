"""Layers with parameters, as PyTorch has them: convolution, dense, batch norm; they start from PyTorch's defaults."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from thf_jax.nn.convolution import convolve, convolve_doubled
from thf_jax.ops.precision import at_least_float32

torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""PyTorch's default for kernels, U(+-1/sqrt(fan_in)): the published recipes start from it."""


def torch_bias(fan_in: int) -> Callable[..., Array]:
    """PyTorch's default for biases: U(+-1/sqrt(fan_in))."""
    bound = fan_in**-0.5
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -bound, bound)


class Conv(nn.Module):
    """A convolution [b *space c] -> [b *small features], its bias included, initialised as PyTorch does it.

    Args:
        size: of the kernel, along every axis of the map or volume.
        padding: zeros added on each side; None keeps the map's size where the stride is 1.
        doubled: whether the map is enlarged two times first, each pixel repeated; for size 3 alone.
        bias_cancels: whether what follows takes every channel's mean away again (batch norm by the batch's own
            statistics, a softmax over all pixels). The bias then has no effect and its gradient is exactly 0, for
            which float arithmetic would give noise, and Adam, which divides by the noise's size, a random walk.
        stride: every so many-th position along each axis is computed; 1 where `doubled`.
        use_bias: off, nothing is added.
        precise_result: whether the result, from the adding of the bias on, is float32 even where the map is bfloat16:
            for what is no feature any more, but logits, positions or pixels.
    """

    features: int
    size: int
    padding: int | None = None
    doubled: bool = False
    bias_cancels: bool = False
    kernel_init: nn.initializers.Initializer = torch_uniform
    bias_init: Callable[..., Array] | None = None
    stride: int = 1
    use_bias: bool = True
    precise_result: bool = False

    def __call__(self, x: Float[Array, "b *space c"]) -> Float[Array, "b *small features"]:
        kernel, bias = self.weights(x)
        return self._added(self._convolved(x, kernel), bias)

    @nn.compact
    def weights(
        self, x: Float[Array, "b *space c"]
    ) -> tuple[Float[Array, "*window c features"], Float[Array, " features"] | None]:
        """The kernel for such a map, and the bias."""
        window = (self.size,) * (x.ndim - 2)
        kernel = self.param("kernel", self.kernel_init, (*window, x.shape[-1], self.features))
        if not self.use_bias:
            return kernel, None
        bias = self.param("bias", self.bias_init or torch_bias(math.prod(window) * x.shape[-1]), (self.features,))
        return kernel, jax.lax.stop_gradient(bias) if self.bias_cancels else bias

    def _convolved(self, x: Array, kernel: Array) -> Array:
        if self.doubled:
            return convolve_doubled(x, kernel)
        pad = (self.size - 1) // 2 if self.padding is None else self.padding
        return convolve(x, kernel, padding=pad, stride=self.stride)

    def _added(self, y: Array, bias: Array | None) -> Array:
        y = at_least_float32(y) if self.precise_result else y
        return y if bias is None else y + bias.astype(y.dtype)

    def beside(
        self, other: "Conv", x: Float[Array, "b *space c"]
    ) -> tuple[Float[Array, "b *small features"], Float[Array, "b *small other"]]:
        """The results of this convolution and of another one of its kind, computed as one.

        Few features leave most of a matrix unit idle, and the map has to be read once only.
        """
        (ours, bias), (theirs, others_bias) = self.weights(x), other.weights(x)
        together = self._convolved(x, jnp.concatenate([ours, theirs], axis=-1))
        parts = jnp.split(together, [self.features], axis=-1)
        return self._added(parts[0], bias), other._added(parts[1], others_bias)


class Dense(nn.Module):
    """A dense layer [*b n] -> [*b features], initialised as PyTorch does it.

    Args:
        bias_cancels: as in `Conv`.
        precise: at full precision, where accelerators round the factors to 8 or 11 bits, and in float32 even where x
            is bfloat16: for angles and positions.
    """

    features: int
    bias_cancels: bool = False
    precise: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "*b n"]) -> Float[Array, "*b features"]:
        kernel = self.param("kernel", torch_uniform, (x.shape[-1], self.features))
        bias = self.param("bias", torch_bias(x.shape[-1]), (self.features,))
        if self.bias_cancels:
            bias = jax.lax.stop_gradient(bias)
        x = at_least_float32(x) if self.precise else x
        precision = jax.lax.Precision.HIGHEST if self.precise else None
        return jnp.matmul(x, kernel.astype(x.dtype), precision=precision) + bias.astype(x.dtype)


BATCH_STATISTICS = "batch_statistics"
"""What mean and variance of a batch are called where rematerialisation is to keep them."""


class BatchNorm(nn.Module):
    """The batch's own statistics in training, running ones otherwise; PyTorch's rule for the running variance.

    PyTorch normalises with the biased variance but averages the unbiased one, n / (n - 1), which Flax's own layer does
    not do. Under `jit` with a sharded batch the statistics are those of the global batch; under `pmap` or `shard_map`
    name the axis (`named_axis.batch_norm_over` does so for a whole network). Statistics and result are computed in
    float32 even where the features are bfloat16, which the result then is as well.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    scale_init: nn.initializers.Initializer = nn.initializers.ones

    @nn.compact
    def __call__(
        self, x: Float[Array, "*b c"], *, train: bool, axis_name: str | tuple[str, ...] | None = None
    ) -> Float[Array, "*b c"]:
        channels = x.shape[-1]
        scale = self.param("scale", self.scale_init, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))
        if train:
            mean, var = checkpoint_name(_batch_statistics(x, axis_name), BATCH_STATISTICS)
            if not self.is_initializing():
                count = x.size // channels * (1 if axis_name is None else jax.lax.axis_size(axis_name))
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value = self.momentum * running_mean.value + (1 - self.momentum) * mean
                running_var.value = self.momentum * running_var.value + (1 - self.momentum) * unbiased
        else:
            mean, var = running_mean.value, running_var.value
        gain = scale * jax.lax.rsqrt(var + self.epsilon)
        values, shift = at_least_float32(x), bias - mean * gain
        return (values * gain.astype(values.dtype) + shift.astype(values.dtype)).astype(x.dtype)


def _batch_statistics(x: Array, axis_name: str | tuple[str, ...] | None) -> tuple[Array, Array]:
    values = x.astype(jnp.float32)
    axes = tuple(range(x.ndim - 1))
    mean = values.mean(axes)
    if axis_name is not None:
        mean = jax.lax.pmean(mean, axis_name)
    var = jnp.square(values - mean).mean(axes)
    return mean, var if axis_name is None else jax.lax.pmean(var, axis_name)


class GroupConv(nn.Module):
    """A 1 x 1 convolution of `groups` equal groups of channels, none of which sees another; the width is kept.

    `bias_cancels` as in `Conv`.
    """

    groups: int
    bias_cancels: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        channels = x.shape[-1]
        size = channels // self.groups
        kernel = self.param("kernel", torch_uniform, (1, 1, size, channels))
        bias = self.param("bias", torch_bias(size), (channels,))
        if self.bias_cancels:
            bias = jax.lax.stop_gradient(bias)
        grouped = x.reshape(*x.shape[:-1], self.groups, size)
        by_group = kernel.astype(x.dtype).reshape(size, self.groups, size)
        return jnp.einsum("bhwgi,igo->bhwgo", grouped, by_group).reshape(x.shape) + bias.astype(x.dtype)
