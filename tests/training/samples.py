"""A tiny run: its data in memory, its configuration, and how two states are compared."""

import jax
import jax.numpy as jnp
import numpy as np

from configs.fomm import get_config
from data_pipelines.records import ClipEntry

SIZE = 16
ADVERSARIAL = {"loss.adversarial": 1.0, "discriminator.spectral_norm": True}


class MemoryDataset:
    """Two clips of smooth noise that shifts a little from frame to frame."""

    def __init__(self, size=SIZE, length=8):
        rng = np.random.default_rng(0)
        coarse = rng.random((2, size // 4 + 2, size // 4 + 2, 3))
        large = jax.image.resize(jnp.asarray(coarse, jnp.float32), (2, size + length, size + length, 3), "linear")
        large = np.asarray(large * 255, np.uint8)
        self.size = size
        self.clips = tuple(ClipEntry(f"{i}", f"{i}", i * length, length) for i in range(2))
        self._frames = [large[i, t : t + size, t : t + size] for i in range(2) for t in range(length)]

    def frame(self, number):
        return self._frames[number]

    def frames(self, clip):
        return iter(self._frames[clip.start : clip.start + clip.length])


def tiny(**changes):
    config = get_config("debug")
    config.update_from_flattened_dict(
        {
            "size": SIZE,
            "model.detector.padding": 3,
            "model.detector.count": 3,
            "data.threads": 0,
            "train.log_every": 1,
            "train.sample_every": 10**6,
            "train.save_every": 2,
            "train.steps": 4,
            "discriminator.width": 4,
            "discriminator.depth": 1,
            **changes,
        }
    )
    return config


def assert_equal(first, second):
    for ours, theirs in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(ours, theirs)
