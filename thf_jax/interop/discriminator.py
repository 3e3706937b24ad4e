"""The published discriminators, of use to whoever trains a published model further."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thf_jax.interop.state_dict import Rules, convert, to_device
from thf_jax.nn.discriminator import PatchDiscriminator


def patch_discriminator(
    tensors: Mapping[str, np.ndarray], discriminator: Mapping[str, Any], rules: Rules, *, keypoints: int, title: str
) -> dict[str, Any]:
    """The variables of a `PatchDiscriminator`: `{"params": ...}`, and `spectral` with spectral norm.

    Args:
        tensors: by their dotted names in the checkpoint.
        discriminator: the fields of `PatchDiscriminator`.
        rules: from its names to the checkpoint's.
        keypoints: how many heat-maps it sees beside the image; 0 where it is not conditioned on them.
        title: the beginning of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape.
    """
    module = PatchDiscriminator(**discriminator)
    # The smallest image that leaves one number after all convolutions without padding.
    size = 5 if module.pool_last else 4
    for _ in range(module.depth - 1):
        size = 2 * size + 3
    image = jax.ShapeDtypeStruct((1, size, size, 3 + keypoints), jnp.float32)
    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), image)
    return to_device(convert(tensors, shapes, rules, title=title))
