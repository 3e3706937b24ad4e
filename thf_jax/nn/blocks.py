"""The blocks that the whole family is built from: convolution, batch norm and ReLU in four arrangements."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError

torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""PyTorch's default for kernels, U(+-1/sqrt(fan_in)): the published recipes start from it."""


def torch_bias(fan_in: int) -> Callable[..., Array]:
    """PyTorch's default for biases: U(+-1/sqrt(fan_in))."""
    bound = fan_in**-0.5
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -bound, bound)


SMALL_MAP = 16
"""Pixels up to which a convolution is computed as one matrix product, which on a CPU is up to twenty times faster."""


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "n m c features"], *, padding: int = 0
) -> Float[Array, "b y x features"]:
    """The cross-correlation that deep learning calls convolution, stride 1, with `padding` zeros on each side.

    Raises:
        InputError: nothing would be left of the map.
    """
    kernel = kernel.astype(x.dtype)
    rows, columns = (size + 2 * padding - span + 1 for size, span in zip(x.shape[1:3], kernel.shape[:2], strict=True))
    if rows < 1 or columns < 1:
        raise InputError(
            f"a map of {x.shape[1]} x {x.shape[2]} is too small for a {kernel.shape[0]} x {kernel.shape[1]} "
            f"convolution with a padding of {padding}; take a larger image or scale, more padding or a smaller depth"
        )
    if rows * columns <= SMALL_MAP:
        x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        taps = [x[:, i : i + rows, j : j + columns] for i in range(kernel.shape[0]) for j in range(kernel.shape[1])]
        return jnp.concatenate(taps, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])
    sides = ((padding, padding), (padding, padding))
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), sides, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def convolve_doubled(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c features"]
) -> Float[Array, "b 2*h 2*w features"]:
    """`convolve(double(x), kernel, padding=1)` at 4/9 of its work.

    Each of the four pixels that come from one pixel sees only a 2 x 2 square of x, through sums of the kernel's
    entries. One convolution computes all four; they are then laid out side by side.
    """
    first, middle, last = kernel[0], kernel[1], kernel[2]
    by_row = [jnp.stack([first, middle + last]), jnp.stack([first + middle, last])]
    phases = [
        jnp.stack([rows[:, 0], rows[:, 1] + rows[:, 2]], 1)
        if column == 0
        else jnp.stack([rows[:, 0] + rows[:, 1], rows[:, 2]], 1)
        for rows in by_row
        for column in (0, 1)
    ]
    together = convolve(x, jnp.concatenate(phases, axis=-1), padding=1)
    b, h, w, _ = x.shape
    corners = together.reshape(b, h + 1, w + 1, 2, 2, -1)
    lines = [
        jnp.stack([corners[:, row : h + row, column : w + column, row, column] for column in (0, 1)], axis=3)
        for row in (0, 1)
    ]
    return jnp.stack(lines, axis=2).reshape(b, 2 * h, 2 * w, -1)


class Conv(nn.Module):
    """A square convolution [b h w c] -> [b y x features], its bias included, initialised as PyTorch does it.

    Args:
        padding: zeros added on each side; None keeps the image's size.
        doubled: whether the image is enlarged two times first, each pixel repeated; for size 3 alone.
        bias_cancels: whether what follows takes every channel's mean away again (batch norm by the batch's own
            statistics, a softmax over all pixels). The bias then has no effect and its gradient is exactly 0, for
            which float arithmetic would give noise, and Adam, which divides by the noise's size, a random walk.
    """

    features: int
    size: int
    padding: int | None = None
    doubled: bool = False
    bias_cancels: bool = False
    kernel_init: nn.initializers.Initializer = torch_uniform
    bias_init: Callable[..., Array] | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b y x features"]:
        pad = (self.size - 1) // 2 if self.padding is None else self.padding
        kernel = self.param("kernel", self.kernel_init, (self.size, self.size, x.shape[-1], self.features))
        bias = self.param("bias", self.bias_init or torch_bias(self.size**2 * x.shape[-1]), (self.features,))
        if self.bias_cancels:
            bias = jax.lax.stop_gradient(bias)
        y = convolve_doubled(x, kernel) if self.doubled else convolve(x, kernel, padding=pad)
        return y + bias.astype(y.dtype)


class Dense(nn.Module):
    """A dense layer [b n] -> [b features], initialised as PyTorch does it. `bias_cancels` as in `Conv`."""

    features: int
    bias_cancels: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "*b n"]) -> Float[Array, "*b features"]:
        kernel = self.param("kernel", torch_uniform, (x.shape[-1], self.features))
        bias = self.param("bias", torch_bias(x.shape[-1]), (self.features,))
        if self.bias_cancels:
            bias = jax.lax.stop_gradient(bias)
        return x @ kernel.astype(x.dtype) + bias.astype(x.dtype)


class BatchNorm(nn.Module):
    """The batch's own statistics in training, running ones otherwise; PyTorch's rule for the running variance.

    PyTorch normalises with the biased variance but averages the unbiased one, n / (n - 1), which Flax's own layer does
    not do. Under `jit` with a sharded batch the statistics are those of the global batch; under `pmap` or `shard_map`
    name the axis. Statistics are computed in float32 whatever the activations are.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "*b c"], *, train: bool) -> Float[Array, "*b c"]:
        channels = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))
        if train:
            mean, var = self._batch_statistics(x)
            if not self.is_initializing():
                count = x.size // channels * (1 if self.axis_name is None else jax.lax.axis_size(self.axis_name))
                unbiased = var * (count / max(count - 1, 1))
                running_mean.value = self.momentum * running_mean.value + (1 - self.momentum) * mean
                running_var.value = self.momentum * running_var.value + (1 - self.momentum) * unbiased
        else:
            mean, var = running_mean.value, running_var.value
        gain = scale * jax.lax.rsqrt(var + self.epsilon)
        return x * gain.astype(x.dtype) + (bias - mean * gain).astype(x.dtype)

    def _batch_statistics(self, x: Array) -> tuple[Array, Array]:
        values = x.astype(jnp.float32)
        axes = tuple(range(x.ndim - 1))
        mean = values.mean(axes)
        if self.axis_name is not None:
            mean = jax.lax.pmean(mean, self.axis_name)
        var = jnp.square(values - mean).mean(axes)
        return mean, var if self.axis_name is None else jax.lax.pmean(var, self.axis_name)


def average_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h//2 w//2 c"]:
    """The mean over each 2 x 2 square; an odd last row or column is dropped."""
    b, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def double(x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
    """Every pixel repeated as a 2 x 2 square (nearest-neighbour enlargement)."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _conv_norm_relu(x: Array, features: int, size: int, train: bool, *, doubled: bool = False) -> Array:
    x = Conv(features, size, doubled=doubled, bias_cancels=train, name="conv")(x)
    return nn.relu(BatchNorm(name="norm")(x, train=train))


class SameBlock(nn.Module):
    """Convolution, batch norm, ReLU; the size is kept."""

    features: int
    size: int = 3

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w features"]:
        return _conv_norm_relu(x, self.features, self.size, train)


class DownBlock(nn.Module):
    """A 3 x 3 `SameBlock`, then 2 x 2 average pooling."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h//2 w//2 features"]:
        return average_pool(_conv_norm_relu(x, self.features, 3, train))


class UpBlock(nn.Module):
    """Nearest-neighbour doubling, then a 3 x 3 `SameBlock`."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b 2*h 2*w features"]:
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
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        branch = x
        for index in ("1", "2"):
            branch = nn.relu(BatchNorm(name=f"norm{index}")(branch, train=train))
            cancels = train and index == "1"  # by the norm that follows
            branch = Conv(x.shape[-1], 3, bias_cancels=cancels, name=f"conv{index}")(branch)
        return x + branch


def widths(first: int, most: int, count: int) -> list[int]:
    """The widths of a stack of `count` down-sampling blocks: first * 2, first * 4, ..., none above `most`."""
    return [min(most, first * 2 ** (index + 1)) for index in range(count)]
