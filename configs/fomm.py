"""FOMM as published for VoxCeleb at 256 px (Siarohin et al. 2019), its stages, small versions and ablations.

    python -m experiments.train --config configs/fomm.py --workdir runs/fomm --config.data.location=DIR \
        --config.perceptual.weights=vgg19.pth

Variants stand after a colon, several joined by `+`, the later ones winning: `configs/fomm.py:mini64+zeroth_order`.
Published: batch 40 on 2 to 4 GPUs, 100 epochs of 75 repeats, about three days on two TITAN X; L1 0.043 on VoxCeleb1.
"""

from typing import Any

from ml_collections import ConfigDict

from thf_jax.errors import InputError, nearest
from thf_jax.models import published


def get_config(variant: str = "") -> ConfigDict:
    """The published configuration, changed by the named variants.

    Raises:
        InputError: no such variant.
    """
    config = ConfigDict()
    config.system = "fomm"
    config.size = 256  # pixels, the side of every image
    config.seed = 0
    config.model = published("fomm")

    config.data = ConfigDict()
    config.data.location = (
        "moving_heads"  # a built dataset, its name in data_dir, or the procedural heads, made on the fly
    )
    config.data.data_dir = ""
    config.data.split = "train"
    config.data.identity_sampling = True
    config.data.repeats = 75  # how often an identity comes in one epoch
    config.data.time_flip = 0.5
    config.data.mirror = 0.5
    config.data.jitter = ConfigDict({"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1})
    config.data.threads = 2

    config.loss = ConfigDict()
    config.loss.reconstruction = 0.0
    config.loss.perceptual = 10.0
    config.loss.equivariance_position = 10.0
    config.loss.equivariance_jacobian = 10.0
    config.loss.keypoint_prior = 0.0  # not FOMM's own: keeps the keypoints apart, which a short training needs
    config.loss.adversarial = 0.0  # above 0 the discriminator is trained, too
    config.loss.feature_matching = 10.0  # counts only beside the adversarial term

    config.perceptual = ConfigDict()
    config.perceptual.weights = ""  # the path of torchvision's vgg19 file, or `random`
    config.perceptual.taps = 5
    config.perceptual.scales = (1.0, 0.5, 0.25, 0.125)

    config.equivariance = ConfigDict({"sigma_affine": 0.05, "sigma_spline": 0.005, "points": 5})
    config.discriminator = ConfigDict({"width": 32, "depth": 4, "most": 512, "spectral_norm": False, "keypoints": True})

    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 2e-4
    config.optimizer.beta1 = 0.5
    config.optimizer.beta2 = 0.999
    config.optimizer.schedule = "step"
    config.optimizer.decay_at = (0.6, 0.9)  # fractions of the run
    config.optimizer.decay = 0.1
    config.optimizer.warmup = 0
    config.optimizer.multipliers = ConfigDict({"detector": 1.0})

    config.train = ConfigDict()
    config.train.batch_size = 40  # over all devices
    config.train.epochs = 100.0
    config.train.steps = 0  # above 0 it counts instead of the epochs
    config.train.log_every = 100
    config.train.sample_every = 1000
    config.train.save_every = 1000
    config.train.keep = 3
    config.train.start_from = ""  # a model, or the workdir of another run, whose networks are trained on

    config.lock()
    for name in filter(None, variant.split("+")):
        known = {**variants(), **ablations()}
        if name not in known:
            raise InputError(f"configs/fomm.py has no variant named {name!r}{nearest(name, known)}")
        config.update_from_flattened_dict(known[name])
    return config


def variants() -> dict[str, dict[str, Any]]:
    """Other stages and sizes, by name."""
    return {
        # The published fine-tuning stage, in a workdir of its own: give --config.train.start_from the first stage's.
        # The learning rate is the original 2e-4 again and stays there: the published weights were trained so. There
        # Adam also kept its moments, which here begin at 0.
        "adversarial": {
            "loss.adversarial": 1.0,
            "optimizer.decay_at": (),
            "train.epochs": 50.0,
            "train.batch_size": 36,
        },
        "mini64": _SMALL | _MINI64,
        # A minute on a laptop: shows that everything runs.
        "debug": _SMALL | _DEBUG,
    }


def ablations() -> dict[str, dict[str, Any]]:
    """The paper's ablations and a few more, by name."""
    return {
        "zeroth_order": {"model.detector.jacobians": None, "loss.equivariance_jacobian": 0.0},
        # Skips blend by visibility: with everything visible the picture would be the warped source and nothing else.
        "no_visibility": {"model.dense_motion.visibility": False, "model.generator.skips": False},
        "no_equivariance": {"loss.equivariance_position": 0.0, "loss.equivariance_jacobian": 0.0},
        "single_scale": {"perceptual.scales": (1.0,)},
        "keypoints_5": {"model.detector.count": 5},
        "keypoints_20": {"model.detector.count": 20},
        "skips": {"model.generator.skips": True},
    }


_SMALL = {
    "size": 64,
    "model.detector.width": 16,
    "model.detector.depth": 4,
    "model.detector.scale": 0.5,
    "model.dense_motion.width": 32,
    "model.dense_motion.depth": 4,
    "model.dense_motion.most": 256,
    "model.dense_motion.scale": 0.5,
    "model.generator.width": 32,
    "model.generator.down_blocks": 1,
    "model.generator.residual_blocks": 3,
    "model.generator.skips": True,
    "discriminator.width": 16,
    "discriminator.depth": 2,
    "perceptual.weights": "random",
}

# The shipped model: small enough for two CPU cores. Random features of one layer are a bank of edge filters; the
# reconstruction term does the rest.
_MINI64 = {
    "perceptual.taps": 1,
    "perceptual.scales": (1.0, 0.5, 0.25),
    "loss.reconstruction": 10.0,
    "loss.perceptual": 2.0,
    "loss.equivariance_position": 1.0,
    "loss.equivariance_jacobian": 1.0,
    "loss.keypoint_prior": 0.3,
    "optimizer.learning_rate": 4e-4,
    "optimizer.schedule": "cosine",
    "optimizer.warmup": 200,
    "data.jitter.brightness": 0.0,
    "data.jitter.contrast": 0.0,
    "data.jitter.saturation": 0.0,
    "data.jitter.hue": 0.0,
    "train.batch_size": 8,
    "train.steps": 8000,
    "train.log_every": 50,
    "train.sample_every": 500,
    "train.save_every": 250,
}

_DEBUG = {
    "size": 32,
    "model.detector.width": 4,
    "model.detector.depth": 2,
    "model.dense_motion.width": 4,
    "model.dense_motion.depth": 2,
    "model.generator.width": 4,
    "model.generator.residual_blocks": 1,
    "perceptual.taps": 1,
    "perceptual.scales": (1.0,),
    "loss.reconstruction": 10.0,
    "train.batch_size": 8,
    "train.steps": 20,
    "train.log_every": 5,
    "train.sample_every": 10,
    "train.save_every": 10,
}
