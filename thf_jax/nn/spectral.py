"""Spectral norm: a convolution whose largest singular value is 1."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.convolution import convolve
from thf_jax.nn.layers import torch_bias, torch_uniform
from thf_jax.ops.precision import at_least_float32

# At full precision: an error in the singular value is one in every output.
_product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)


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
    padding: int = 0
    use_bias: bool = True
    precise_result: bool = False
    """As in `Conv`."""

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b y x features"]:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", torch_uniform, shape)
        if self.normalize:
            kernel = kernel / self._largest_singular_value(kernel, train)
        y = convolve(x, kernel, padding=self.padding)
        y = at_least_float32(y) if self.precise_result else y
        if not self.use_bias:
            return y
        bias = self.param("bias", torch_bias(self.size**2 * x.shape[-1]), (self.features,))
        return y + (jax.lax.stop_gradient(bias) if self.bias_cancels else bias).astype(y.dtype)

    def _largest_singular_value(self, kernel: Array, train: bool) -> Array:
        matrix = kernel.transpose(3, 2, 0, 1).reshape(self.features, -1)
        stored_u = self.variable("spectral", "u", self._random_unit, matrix.shape[0])
        stored_v = self.variable("spectral", "v", self._random_unit, matrix.shape[1])
        u, v = stored_u.value, stored_v.value
        if train:
            fixed = jax.lax.stop_gradient(matrix)
            v = _unit(_product(fixed.T, u))
            u = _unit(_product(fixed, v))
            if not self.is_initializing():
                stored_u.value, stored_v.value = u, v
        return _product(u, _product(matrix, v))

    def _random_unit(self, count: int) -> Array:
        return _unit(jax.random.normal(self.make_rng("params"), (count,)))
