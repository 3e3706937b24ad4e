"""Monkey-Net as published for VoxCeleb at 256 px (Siarohin et al. 2019), small versions and ablations.

    python -m experiments.train --config configs/monkey_net.py --workdir runs/monkey_net --config.data.location=DIR

Variants stand after a colon, several joined by `+`, the later ones winning: `configs/monkey_net.py:mini64`.
Published: batch 20, 20 epochs, no pretrained network; L1 0.049 on VoxCeleb1 in FOMM's comparison.
"""

from typing import Any

from ml_collections import ConfigDict

from configs.base import DEBUG_RUN, SMALL_KEYPOINTS, SMALL_RUN, TINY_KEYPOINTS, Config, base, varied
from configs.space import LEARNING_RATE, Choice, Space


def get_config(variant: str = "") -> Config:
    """The published configuration, changed by the named variants.

    Raises:
        InputError: no such variant.
    """
    # The published feature matching counts the pictures themselves as the first of the discriminator's features.
    config = base("monkey_net", reconstruction=10.0, adversarial=1.0, feature_matching=10.0)
    config.discriminator.matching = (1.0, 1.0, 1.0, 0.1)
    config.discriminator.most = 256
    config.discriminator.pool_last = True
    config.discriminator.detach_keypoints = False
    config.discriminator.heatmap_gain = 0.01
    config.data.jitter = ConfigDict({"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0})
    config.data.identity_sampling = False
    config.data.repeats = 1
    config.optimizer.decay_at = ()
    config.train.batch_size = 20
    config.train.epochs = 20.0
    return varied(config, variant, {**variants(), **ablations()})


def variants() -> dict[str, dict[str, Any]]:
    """Other sizes, by name."""
    return {
        # Detector and dense motion at full size, 16 times the work; its weights fit the published ones.
        "full": {"model.detector.scale": 1.0, "model.dense_motion.scale": 1.0},
        # As published for sets of 64 and 128 pixels, such as the moving shapes.
        "size64": {
            "size": 64,
            "model.detector.scale": 1.0,
            "model.dense_motion.scale": 1.0,
            "model.generator.scale": 1.0,
            "model.generator.depth": 5,
            "model.generator.interpolation": "nearest",
        },
        "mini64": {**SMALL_RUN, **SMALL_KEYPOINTS, **_MINI64},
        "debug": {**DEBUG_RUN, **TINY_KEYPOINTS, **_DEBUG},
    }


def ablations() -> dict[str, dict[str, Any]]:
    """The paper's ablations and a few more, by name."""
    return {
        "no_discriminator": {"loss.adversarial": 0.0},
        "no_correction": {"model.dense_motion.correction": False},
        "isotropic": {"model.detector.covariance": "isotropic"},
        "fixed_width": {"model.detector.covariance": None},
        "keypoints_5": {"model.detector.count": 5},
        "keypoints_20": {"model.detector.count": 20},
    }


def sweep() -> Space:
    """What a search may change."""
    return {
        "optimizer.learning_rate": LEARNING_RATE,
        "loss.reconstruction": Choice((3.0, 10.0, 30.0)),
        "loss.feature_matching": Choice((3.0, 10.0, 30.0)),
        "model.detector.count": Choice((5, 10, 15, 20)),
        "model.detector.covariance": Choice(("heatmap", "isotropic")),
    }


_MINI64 = {
    "model.generator.width": 24,
    "model.generator.depth": 5,
    "model.generator.most": 256,
    "model.generator.refinement_blocks": 2,
    "model.generator.scale": 0.5,
    "discriminator.matching": (),
}

_DEBUG = {
    "model.generator.width": 4,
    "model.generator.depth": 3,
    "model.generator.refinement_blocks": 1,
    "model.generator.scale": 0.5,
    "discriminator.width": 4,
    "discriminator.matching": (),
}
