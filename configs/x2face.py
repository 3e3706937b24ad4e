"""X2Face as published for VoxCeleb at 256 px (Wiles et al. 2018), its stages, small versions and ablations.

    python -m experiments.train --config configs/x2face.py --workdir runs/x2face --config.data.location=DIR
    python -m experiments.train --config configs/x2face.py:identity --workdir runs/x2face-identity \
        --config.data.location=DIR --config.train.start_from=runs/x2face --config.identity.weights=face_vgg11.pth

Variants stand after a colon, several joined by `+`, the later ones winning: `configs/x2face.py:mini64+one_source`.
Published: three sources and one driving frame of a clip (the paper; the released script has one source), batch 16,
stochastic gradient descent; L1 0.078 on VoxCeleb1 in FOMM's comparison.
"""

from typing import Any

from ml_collections import ConfigDict

from configs.base import DEBUG_RUN, SMALL_RUN, Config, base, varied
from configs.space import Choice, Range, Space


def get_config(variant: str = "") -> Config:
    """The published configuration, changed by the named variants.

    Raises:
        InputError: no such variant.
    """
    config = base("x2face", reconstruction=1.0)
    config.data.sources = 3
    config.data.identity_sampling = False
    config.data.repeats = 1
    config.data.time_flip = 0.75  # each of the four frames is the driving one equally often
    config.data.mirror = 0.0
    config.data.jitter = ConfigDict({"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0})
    config.optimizer.kind = "sgd"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.decay_at = ()
    config.train.batch_size = 16
    config.train.steps = 6_000_000  # at most: 3000 epochs, each cut at 2000 steps
    return varied(config, variant, {**variants(), **ablations()})


def variants() -> dict[str, dict[str, Any]]:
    """Other stages and sizes, by name."""
    return {
        # The second stage, from a trained first one that --config.train.start_from names: content of a face network
        # beside the pictures, and alone where a stranger drives. The authors tell neither layers nor weights.
        "identity": {"loss.identity": 0.1, "loss.stranger": 0.1, "train.steps": 1_000_000},
        "mini64": {**SMALL_RUN, **_MINI64},
        "debug": {**DEBUG_RUN, **_DEBUG},
    }


def ablations() -> dict[str, dict[str, Any]]:
    """A few, by name."""
    return {
        # The driving network alone: it samples the source itself, however that is posed.
        "no_embedding": {"model.embedding": None},
        "one_source": {"data.sources": 1, "data.time_flip": 0.5},
        "code_16": {"model.driving.code": 16},
    }


def sweep() -> Space:
    """What a search may change."""
    return {
        "optimizer.learning_rate": Range(1e-4, 1e-2, log=True),  # of gradient descent, too
        "optimizer.kind": Choice(("sgd", "adam")),
        "model.driving.code": Choice((16, 32, 64, 128)),
        "data.mirror": Choice((0.0, 0.5)),
    }


_MINI64 = {
    "model.embedding.width": 32,
    "model.embedding.depth": 6,
    "model.embedding.most": 256,
    "model.embedding.code": 128,
    "model.driving.width": 32,
    "model.driving.depth": 6,
    "model.driving.most": 256,
    "data.mirror": 0.5,
    "optimizer.kind": "adam",
}

_DEBUG = {
    "model.embedding.width": 4,
    "model.embedding.depth": 5,
    "model.embedding.code": 16,
    "model.driving.width": 4,
    "model.driving.depth": 5,
    "model.driving.code": 16,
}
