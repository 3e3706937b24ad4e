"""A small LivePortrait, and landmarks for pictures."""

import functools
import math

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from thf_jax.interop.shapes import variable_shapes
from thf_jax.models.animator import Animator

SIZE = 32
SETTINGS = {
    "extractor": {"depths": (1, 1), "widths": (4, 8)},
    "appearance": {"width": 2, "most": 4, "channels": 2, "volume_depth": 2, "residual_blocks": 1},
    "dense_motion": {"width": 2, "most": 4, "depth": 2, "compressed": 1},
    "generator": {"width": 1, "middle_blocks": 1, "modulation_width": 2},
    "corrector": {"stitching": (8,), "eyes": (8,), "lips": (8,)},
}


def landmarks(picture: np.ndarray) -> np.ndarray:
    """203 points that depend on the picture."""
    height, width = picture.shape[:2]
    random = np.random.default_rng(int(picture.astype(int).sum()) % 1000)
    return random.uniform(0, (width, height), (203, 2)).astype(np.float32)


@functools.cache
def tiny_portrait() -> Animator:
    """LivePortrait with 21 keypoints at 32 px, of random weights that let every output depend on every input."""
    random = np.random.default_rng(0)
    shapes = flatten_dict(variable_shapes("liveportrait", SETTINGS, SIZE), sep="/")

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        noise = random.standard_normal(shape)
        if name.endswith("kernel"):
            noise /= math.sqrt(math.prod(shape[:-1]))
        else:
            noise = 0.1 * noise + name.endswith(("/scale", "var", "extractor/scale/bias"))
        return noise.astype(np.float32)

    drawn = {name: draw(name, leaf.shape) for name, leaf in shapes.items()}
    for name in (name for name in drawn if name.startswith("spectral/") and name.endswith("/u")):
        # Converged, as after training: else a kernel is divided by nearly nothing, and rounding is all that one sees.
        layer = name.removeprefix("spectral/").removesuffix("/u")
        kernel = drawn[f"params/{layer}/kernel"]
        matrix = kernel.transpose(3, 2, 0, 1).reshape(kernel.shape[-1], -1)
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
        drawn[name], drawn[f"spectral/{layer}/v"] = left[:, 0], right[0]
    return Animator("liveportrait", SIZE, SETTINGS, unflatten_dict(drawn, sep="/"))
