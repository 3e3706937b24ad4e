"""MRAA as published for VoxCeleb at 256 px (Siarohin et al. 2021), its stages, small versions and ablations.

    python -m experiments.train --config configs/mraa.py --workdir runs/mraa --config.data.location=DIR \
        --config.perceptual.weights=vgg19.pth --stages=avd

Variants stand after a colon, several joined by `+`, the later ones winning: `configs/mraa.py:mini64+avd`.
Published: batch 14 on one V100, 100 epochs of 75 repeats, about two days; L1 0.040 on VoxCeleb1.
"""

from typing import Any

from ml_collections import ConfigDict

from configs.base import (
    DEBUG_RUN,
    SMALL_GENERATOR,
    SMALL_KEYPOINTS,
    SMALL_LOSSES,
    SMALL_RUN,
    TINY_GENERATOR,
    TINY_KEYPOINTS,
    WITHOUT,
    Config,
    base,
    varied,
)
from configs.space import KEYPOINTS, Space
from thf_jax.models import published


def get_config(variant: str = "") -> Config:
    """The published configuration, changed by the named variants.

    Raises:
        InputError: no such variant.
    """
    config = base("mraa", perceptual=10.0, equivariance_position=10.0, equivariance_jacobian=10.0)
    config.model.avd = None  # trained on its own, see the variant `avd`
    config.train.batch_size = 14
    return varied(config, variant, {**variants(), **ablations()})


def variants() -> dict[str, dict[str, Any]]:
    """Other stages and sizes, by name."""
    return {
        # The second stage: the AVD network alone learns, from the regions of a trained model that
        # --config.train.start_from names.
        "avd": {
            "model.avd": ConfigDict(published("mraa")["avd"]),
            **dict.fromkeys(SMALL_LOSSES, 0.0),  # all terms of the first stage
            "loss.avd_position": 1.0,
            "loss.avd_jacobian": 1.0,
            "optimizer.learning_rate": 1e-3,
            "optimizer.schedule": "step",
            "optimizer.decay_at": (2 / 3, 5 / 6),
            "train.batch_size": 256,
            "train.epochs": 30.0,
            "train.steps": 0,
            "data.repeats": 2000,
        },
        "mini64": {**SMALL_RUN, **SMALL_KEYPOINTS, **SMALL_GENERATOR, **_MINI64},
        "debug": {**DEBUG_RUN, **TINY_KEYPOINTS, **TINY_GENERATOR, **_DEBUG},
    }


def ablations() -> dict[str, dict[str, Any]]:
    """The paper's ablations and a few more, by name."""
    return {
        "no_background": {"model.background": None},
        # FOMM's way to Jacobians: one predicted map in place of the regions' principal axes.
        "no_pca": {"model.detector.jacobians": "shared", "model.detector.covariance": "jacobian"},
        **WITHOUT,
        "regions_5": {"model.detector.count": 5},
        "regions_20": {"model.detector.count": 20},
    }


def sweep() -> Space:
    """What a search may change."""
    return KEYPOINTS


_MINI64 = {
    "model.background.width": 8,
    "model.background.depth": 4,
    **SMALL_LOSSES,
}

_DEBUG = {
    "model.background.width": 4,
    "model.background.depth": 2,
    "loss.reconstruction": 10.0,
}
