"""A patch discriminator: a score for every patch of a picture, and the features on the way."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import average_pool, convolve, torch_bias, torch_uniform, widths


def _unit(vector: Array, epsilon: float = 1e-12) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), epsilon)


class SpectralConv(nn.Module):
    """A convolution, its kernel divided by its largest singular value where `normalize` is on (Miyato et al. 2018).

    The singular value is followed by one power iteration a training pass, whose vectors `u` and `v` live in the
    collection `spectral`; evaluation uses them as they stand. The kernel is read as a matrix of
    [outputs, inputs * size * size], inputs varying slowest, as PyTorch stores it.
    """

    features: int
    size: int
    normalize: bool
    bias_cancels: bool = False
    """As in `Conv`: an instance norm follows."""

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b y x features"]:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", torch_uniform, shape)
        bias = self.param("bias", torch_bias(self.size**2 * x.shape[-1]), (self.features,))
        if self.normalize:
            kernel = kernel / self._largest_singular_value(kernel, train)
        if self.bias_cancels:
            bias = jax.lax.stop_gradient(bias)
        return convolve(x, kernel) + bias.astype(x.dtype)

    def _largest_singular_value(self, kernel: Array, train: bool) -> Array:
        matrix = kernel.transpose(3, 2, 0, 1).reshape(self.features, -1)
        stored_u = self.variable("spectral", "u", self._random_unit, matrix.shape[0])
        stored_v = self.variable("spectral", "v", self._random_unit, matrix.shape[1])
        u, v = stored_u.value, stored_v.value
        if train:
            fixed = jax.lax.stop_gradient(matrix)
            v = _unit(fixed.T @ u)
            u = _unit(fixed @ v)
            if not self.is_initializing():
                stored_u.value, stored_v.value = u, v
        return u @ matrix @ v

    def _random_unit(self, count: int) -> Array:
        return _unit(jax.random.normal(self.make_rng("params"), (count,)))


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
        return SpectralConv(1, 1, self.spectral_norm, name="score")(x, train=train), features
