"""A perceptron: linear layers with ReLU between them."""

from collections.abc import Sequence

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.convnext import dense


class Perceptron(nn.Module):
    """[*b n] -> [*b outputs] at full precision; nothing follows the last layer.

    Args:
        hidden: the widths of the layers before it.
        outputs: the width of the last layer.
    """

    hidden: Sequence[int]
    outputs: int

    @nn.compact
    def __call__(self, x: Float[Array, "*b n"]) -> Float[Array, "*b outputs"]:
        for index, width in enumerate((*self.hidden, self.outputs)):
            layer = dense(width, x.shape[-1], precise=True, name=f"layer{index}")
            x = layer(nn.relu(x) if index else x)
        return x
