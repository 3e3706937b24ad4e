"""Face vid2vid for VoxCeleb at 256 px (Wang, Mallya and Liu 2021), small versions and ablations.

    python -m experiments.train --config configs/face_vid2vid.py --workdir runs/heads --config.data.location=DIR \
        --config.perceptual.weights=vgg19.pth

Variants stand after a colon, several joined by `+`, the later ones winning: `configs/face_vid2vid.py:mini64+spade`.
The authors published no code: the values are those of the public implementation, which counts 300 epochs of 75 repeats
in batches of 32. Head poses come with the data; where they do not, `no_head_pose` trains without them.
"""

from typing import Any

from configs.base import DEBUG_RUN, SMALL_RUN, Config, base, varied
from configs.space import EQUIVARIANCE, LEARNING_RATE, Choice, Space


def get_config(variant: str = "") -> Config:
    """The published configuration, changed by the named variants.

    Raises:
        InputError: no such variant.
    """
    config = base(
        "face_vid2vid",
        perceptual=10.0,
        equivariance_position=10.0,
        keypoint_prior=10.0,
        depth_prior=10.0,
        head_pose=20.0,
        deformation_prior=5.0,
        adversarial=1.0,
        feature_matching=10.0,
    )
    config.discriminator.loss = "hinge"
    config.discriminator.spectral_norm = True
    config.discriminator.keypoints = False
    config.optimizer.decay_at = (0.6,)
    config.train.batch_size = 32
    config.train.epochs = 300.0
    return varied(config, variant, {**variants(), **ablations()})


def variants() -> dict[str, dict[str, Any]]:
    """Other sources and sizes, by name."""
    return {
        # What the paper says, as far as the public implementation differs: give --config.identity.weights, too.
        "paper": {
            "model.detector.count": 20,
            "model.estimator.count": 20,
            "loss.equivariance_position": 20.0,
            "loss.identity": 10.0,
        },
        "plain": {"model.generator.spade": False, "model.appearance.first_size": 7},
        # The older generation of the public implementation.
        "beta": {
            "model.generator.spade": False,
            "model.appearance.first_size": 7,
            "model.detector.scale": 1.0,
            "model.estimator.order": "roll_pitch_yaw",
            "train.epochs": 200.0,
            "train.batch_size": 64,
        },
        "mini64": {**SMALL_RUN, **_MINI64},
        "debug": {**DEBUG_RUN, **_DEBUG},
    }


def ablations() -> dict[str, dict[str, Any]]:
    """What can be left out, and what can be added."""
    return {
        "spade": {"model.generator.spade": True, "model.appearance.first_size": 3},
        "no_head_pose": {"loss.head_pose": 0.0},
        "no_keypoint_prior": {"loss.keypoint_prior": 0.0, "loss.depth_prior": 0.0},
        "no_deformation_prior": {"loss.deformation_prior": 0.0},
        "no_equivariance": {"loss.equivariance_position": 0.0},
        "no_discriminator": {"loss.adversarial": 0.0},
        "no_visibility": {"model.dense_motion.visibility": False},
        "least_squares": {"discriminator.loss": "least_squares"},
        "three_scales": {"discriminator.scales": (1.0, 0.5, 0.25)},  # the paper's at 512 pixels
        "single_scale": {"perceptual.scales": (1.0,)},
    }


def sweep() -> Space:
    """What a search may change; detector and estimator count keypoints together, which a search cannot."""
    return {
        "optimizer.learning_rate": LEARNING_RATE,
        "loss.equivariance_position": EQUIVARIANCE,
        "loss.keypoint_prior": Choice((0.3, 1.0, 3.0, 10.0)),
        "loss.depth_prior": Choice((0.3, 1.0, 3.0, 10.0)),
        "loss.deformation_prior": Choice((0.1, 1.0, 5.0)),
        "discriminator.loss": Choice(("hinge", "least_squares")),
    }


# For clips without pose labels. The volume is half as wide as the picture, since a quarter blurs so small a face, and
# heads of 7 x 7 x 7 would be half of the arithmetic. Weights are scaled like those of FOMM's small version.
_MINI64 = {
    "model.detector.count": 10,
    "model.detector.width": 16,
    "model.detector.depth": 3,
    "model.detector.volume_depth": 4,
    "model.estimator.count": 10,
    "model.estimator.width": 16,
    "model.appearance.width": 32,
    "model.appearance.first_size": 7,
    "model.appearance.down_blocks": 1,
    "model.appearance.channels": 16,
    "model.appearance.volume_depth": 4,
    "model.appearance.residual_blocks": 2,
    "model.dense_motion.width": 16,
    "model.dense_motion.depth": 3,
    "model.dense_motion.most": 128,
    "model.dense_motion.compressed": 1,
    "model.dense_motion.head": 3,
    "model.generator.width": 32,
    "model.generator.up_blocks": 1,
    "model.generator.middle_blocks": 2,
    "model.generator.spade": False,
    "model.generator.modulation_width": 32,
    "discriminator.width": 16,
    "discriminator.depth": 2,
    "loss.reconstruction": 10.0,
    "loss.perceptual": 2.0,
    "loss.equivariance_position": 1.0,
    "loss.keypoint_prior": 0.3,
    "loss.depth_prior": 0.3,
    "loss.head_pose": 0.0,
    "loss.deformation_prior": 0.1,
    "loss.adversarial": 0.0,
}

_DEBUG = {
    "model.detector.count": 6,
    "model.detector.width": 4,
    "model.detector.depth": 2,
    "model.detector.volume_depth": 4,
    "model.estimator.count": 6,
    "model.estimator.width": 4,
    "model.appearance.width": 4,
    "model.appearance.down_blocks": 1,
    "model.appearance.channels": 4,
    "model.appearance.volume_depth": 4,
    "model.appearance.residual_blocks": 1,
    "model.dense_motion.width": 4,
    "model.dense_motion.depth": 2,
    "model.dense_motion.compressed": 1,
    "model.dense_motion.head": 3,
    "model.generator.width": 4,
    "model.generator.up_blocks": 1,
    "model.generator.middle_blocks": 1,
    "model.generator.modulation_width": 4,
    "discriminator.width": 4,
    "discriminator.depth": 1,
    "loss.reconstruction": 10.0,
}
