"""A perceptron: dense layers with ReLU between them."""

from collections.abc import Sequence

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.layers import BatchNorm, Dense


class Perceptron(nn.Module):
    """[*b n] -> [*b outputs] at full precision; nothing follows the last layer.

    Args:
        hidden: the widths of the layers before it.
        outputs: the width of the last layer.
        normalized: whether batch norm stands before each ReLU.
        bias_cancels: whether a dense layer and a batch norm follow, which take away the last bias as well, see `Conv`.
    """

    hidden: Sequence[int]
    outputs: int
    normalized: bool = False
    bias_cancels: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "*b n"], *, train: bool = False) -> Float[Array, "*b outputs"]:
        for index, width in enumerate(self.hidden):
            cancels = train and self.normalized
            x = Dense(width, bias_cancels=cancels, precise=True, name=f"layer{index}")(x)
            x = nn.relu(BatchNorm(name=f"norm{index}")(x, train=train) if self.normalized else x)
        return Dense(
            self.outputs, bias_cancels=train and self.bias_cancels, precise=True, name=f"layer{len(self.hidden)}"
        )(x)
