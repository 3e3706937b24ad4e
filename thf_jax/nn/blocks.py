"""The blocks that the whole family is built from: convolution, batch norm and ReLU in four arrangements.

They act on maps [b h w c] and on volumes [b z h w c] alike: a kernel is as wide along z as along h and w, but pooling
and enlarging leave z as it is.
"""

import functools
import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.ops.precision import at_least_float32

torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""PyTorch's default for kernels, U(+-1/sqrt(fan_in)): the published recipes start from it."""


def torch_bias(fan_in: int) -> Callable[..., Array]:
    """PyTorch's default for biases: U(+-1/sqrt(fan_in))."""
    bound = fan_in**-0.5
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -bound, bound)


SMALL_MAP = 16
"""Pixels up to which a convolution is computed as one matrix product, which on a CPU is up to twenty times faster."""


def convolve(
    x: Float[Array, "b *space c"], kernel: Float[Array, "*window c features"], *, padding: int = 0, stride: int = 1
) -> Float[Array, "b *small features"]:
    """The cross-correlation that deep learning calls convolution, with `padding` zeros on each side of every axis.

    Args:
        stride: every so many-th position along each axis is computed, the first one included.

    Raises:
        InputError: nothing would be left of the map.
    """
    kernel = kernel.astype(x.dtype)
    space, window = x.shape[1:-1], kernel.shape[:-2]
    shape = tuple((size + 2 * padding - span) // stride + 1 for size, span in zip(space, window, strict=True))
    if min(shape) < 1:
        raise InputError(
            f"a map of {_times(space)} is too small for a {_times(window)} convolution with a padding of {padding}; "
            "take a larger image or scale, more padding or a smaller depth"
        )
    if math.prod(shape[-2:]) <= SMALL_MAP:
        x = jnp.pad(x, ((0, 0), *((padding, padding) for _ in space), (0, 0)))
        taps = [
            x[:, *(slice(i, i + stride * (n - 1) + 1, stride) for i, n in zip(start, shape, strict=True))]
            for start in itertools.product(*map(range, window))
        ]
        return jnp.concatenate(taps, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])
    whole = functools.partial(_convolve_whole, padding=padding, stride=stride)
    if len(space) < 3:
        return whole(x, kernel)
    by_slices = functools.partial(_convolve_by_slices, depth=shape[0], padding=padding, stride=stride)
    return jax.lax.platform_dependent(x, kernel, cpu=by_slices, default=whole)


def _convolve_whole(x: Array, kernel: Array, *, padding: int, stride: int) -> Array:
    axes = "DHW"[-(x.ndim - 2) :]
    layouts = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    sides, steps = [(padding, padding)] * len(axes), (stride,) * len(axes)
    return jax.lax.conv_general_dilated(x, kernel, steps, sides, dimension_numbers=layouts)


def _convolve_by_slices(x: Array, kernel: Array, *, depth: int, padding: int, stride: int) -> Array:
    """In 3-D the sum of a convolution in 2-D for each slice of the kernel: up to ten times faster on a CPU."""
    padded = jnp.pad(x, ((0, 0), (padding, padding), (0, 0), (0, 0), (0, 0)))

    def one(start: int) -> Array:
        slices = padded[:, start : start + stride * (depth - 1) + 1 : stride]
        return _convolve_whole(slices.reshape(-1, *x.shape[2:]), kernel[start], padding=padding, stride=stride)

    total = functools.reduce(jnp.add, map(one, range(kernel.shape[0])))
    return total.reshape(x.shape[0], depth, *total.shape[1:])


def _times(sides: tuple[int, ...]) -> str:
    return " x ".join(map(str, sides))


def convolve_doubled(
    x: Float[Array, "b *z h w c"], kernel: Float[Array, "*d 3 3 c features"]
) -> Float[Array, "b *z 2*h 2*w features"]:
    """`convolve(double(x), kernel, padding=1)` at 4/9 of its work.

    Each of the four pixels that come from one pixel sees only a 2 x 2 square of x, through sums of the kernel's
    entries. One convolution computes all four; they are then laid out side by side.
    """
    first, middle, last = jnp.moveaxis(kernel, -4, 0)
    by_row = [jnp.stack([first, middle + last], -4), jnp.stack([first + middle, last], -4)]
    phases = []
    for rows in by_row:
        left, centre, right = jnp.moveaxis(rows, -3, 0)
        phases += [jnp.stack([left, centre + right], -3), jnp.stack([left + centre, right], -3)]
    together = convolve(x, jnp.concatenate(phases, axis=-1), padding=1)
    *outer, h, w, _ = x.shape
    corners = together.reshape(*outer, h + 1, w + 1, 2, 2, -1)
    lines = [
        jnp.stack([corners[..., row : h + row, column : w + column, row, column, :] for column in (0, 1)], axis=-2)
        for row in (0, 1)
    ]
    return jnp.stack(lines, axis=-4).reshape(*outer, 2 * h, 2 * w, -1)


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

    @nn.compact
    def __call__(self, x: Float[Array, "b *space c"]) -> Float[Array, "b *small features"]:
        pad = (self.size - 1) // 2 if self.padding is None else self.padding
        window = (self.size,) * (x.ndim - 2)
        kernel = self.param("kernel", self.kernel_init, (*window, x.shape[-1], self.features))
        y = convolve_doubled(x, kernel) if self.doubled else convolve(x, kernel, padding=pad, stride=self.stride)
        y = at_least_float32(y) if self.precise_result else y
        if not self.use_bias:
            return y
        bias = self.param("bias", self.bias_init or torch_bias(math.prod(window) * x.shape[-1]), (self.features,))
        if self.bias_cancels:
            bias = jax.lax.stop_gradient(bias)
        return y + bias.astype(y.dtype)


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


def average_pool(x: Float[Array, "*b h w c"]) -> Float[Array, "*b h//2 w//2 c"]:
    """The mean over each 2 x 2 square; an odd last row or column is dropped."""
    *outer, h, w, c = x.shape
    return x[..., : h // 2 * 2, : w // 2 * 2, :].reshape(*outer, h // 2, 2, w // 2, 2, c).mean((-4, -2))


def double(x: Float[Array, "*b h w c"]) -> Float[Array, "*b 2*h 2*w c"]:
    """Every pixel repeated as a 2 x 2 square (nearest-neighbour enlargement)."""
    return jnp.repeat(jnp.repeat(x, 2, axis=-3), 2, axis=-2)


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
