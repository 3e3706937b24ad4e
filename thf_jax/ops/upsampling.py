"""Bilinear enlargement to twice the size whose corner pixels stay where they are (`align_corners=True` in PyTorch)."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def double_bilinear(image: Float[Array, "*b h w c"]) -> Float[Array, "*b 2*h 2*w c"]:
    """The image at twice its size: pixel i of a side of n new ones lies at i (n / 2 - 1) / (n - 1) of the old ones."""
    return _along(_along(image, image.ndim - 3), image.ndim - 2)


def _along(values: Array, axis: int) -> Array:
    """One axis doubled, of which the old size is m.

    New pixel 2j lies j / (2m - 1) before old pixel j, and new pixel 2j + 1 lies (m - 1 - j) / (2m - 1) after it, so
    that slices do, whose gradient is cheap: there is nothing to gather.
    """
    size = values.shape[axis]
    # What stands beyond the two ends has the weight 0.
    share = np.arange(size) / (2 * size - 1)
    shape = [size if index == axis else 1 for index in range(values.ndim)]
    before, after = (jnp.asarray(part.reshape(shape), values.dtype) for part in (share, share[::-1]))
    even = values + before * (jnp.roll(values, 1, axis) - values)
    odd = values + after * (jnp.roll(values, -1, axis) - values)
    doubled = (*values.shape[:axis], 2 * size, *values.shape[axis + 1 :])
    return jnp.stack([even, odd], axis + 1).reshape(doubled)
