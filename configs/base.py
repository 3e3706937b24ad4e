"""What the configurations of all systems have in common: FOMM's training recipe, and how variants are named.

Each system's file starts from `base` and states what is its own. A value that no system changes stands here.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from thf_jax.errors import InputError, nearest
from thf_jax.models import published

Config = Any
"""An `ml_collections.ConfigDict`; a type checker cannot know its entries."""


def base(system: str, **losses: float) -> Config:
    """A configuration with every entry there is: the system's published networks, these losses, and FOMM's training.

    Args:
        losses: the weights of loss terms by name; the others are 0.
    """
    config: Config = ConfigDict()
    config.system = system
    config.size = 256  # pixels, the side of every image
    config.seed = 0
    config.model = published(system)

    config.data = ConfigDict()
    config.data.location = (
        "moving_heads"  # a built dataset, its name in data_dir, or the procedural heads, made on the fly
    )
    config.data.data_dir = ""
    config.data.split = "train"
    config.data.identity_sampling = True
    config.data.repeats = 75  # how often an identity comes in one epoch
    config.data.sources = 1  # frames of a clip that stand for its source
    config.data.time_flip = 0.5
    config.data.mirror = 0.5
    config.data.jitter = ConfigDict({"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1})
    config.data.threads = 2

    config.loss = ConfigDict()
    config.loss.reconstruction = 0.0
    config.loss.perceptual = 0.0
    config.loss.identity = 0.0  # features of a face network, the same person driving: X2Face's second stage, vid2vid
    config.loss.stranger = 0.0  # the same with another person driving, against the source
    config.loss.equivariance_position = 0.0
    config.loss.equivariance_jacobian = 0.0
    config.loss.keypoint_prior = 0.0  # face vid2vid's: keeps the keypoints apart, which a short training needs
    config.loss.depth_prior = 0.0  # face vid2vid's: the mean depth of the keypoints
    config.loss.head_pose = 0.0  # face vid2vid's: degrees off the labels that come with the data
    config.loss.deformation_prior = 0.0  # face vid2vid's: faces at rest do not deform
    config.loss.avd_position = 0.0  # MRAA's second stage
    config.loss.avd_jacobian = 0.0
    config.loss.adversarial = 0.0  # above 0 the discriminator is trained, too
    config.loss.feature_matching = 10.0  # counts only beside the adversarial term

    for name, weight in losses.items():
        config.loss[name] = weight

    config.perceptual = ConfigDict()
    config.perceptual.weights = ""  # the path of torchvision's vgg19 file, or `random`
    config.perceptual.taps = 5
    config.perceptual.scales = (1.0, 0.5, 0.25, 0.125)

    config.identity = ConfigDict({"weights": ""})  # the path of a face network laid out as vgg11, or `random`

    config.equivariance = ConfigDict({"sigma_affine": 0.05, "sigma_spline": 0.005, "points": 5})
    config.avd = ConfigDict({"pose_scale": 0.25})  # poses are stretched by factors in 1 -+ this

    config.discriminator = ConfigDict()
    config.discriminator.loss = "least_squares"  # or `hinge`
    config.discriminator.scales = (1.0,)  # of the picture, 1 / n each: one discriminator for each
    config.discriminator.width = 32
    config.discriminator.depth = 4
    config.discriminator.most = 512
    config.discriminator.spectral_norm = False
    config.discriminator.pool_last = False
    config.discriminator.matching = ()  # the weight of each block in feature matching; empty: 1 each
    config.discriminator.keypoints = True  # whether it sees heat-maps of the driving keypoints
    config.discriminator.detach_keypoints = True  # whether the generator's loss leaves those keypoints alone
    config.discriminator.heatmap_variance = 0.01
    config.discriminator.heatmap_gain = 1.0

    config.optimizer = ConfigDict()
    config.optimizer.kind = "adam"
    config.optimizer.learning_rate = 2e-4
    config.optimizer.beta1 = 0.5
    config.optimizer.beta2 = 0.999
    config.optimizer.epsilon = 1e-8
    config.optimizer.momentum = 0.9  # of `sgd`
    config.optimizer.schedule = "step"
    config.optimizer.decay_at = (0.6, 0.9)  # fractions of the run
    config.optimizer.decay = 0.1
    config.optimizer.warmup = 0
    config.optimizer.clip = 0.0  # the global norm to which longer gradients are shortened; 0: none is
    config.optimizer.multipliers = ConfigDict(dict.fromkeys(published(system), 1.0))

    config.train = ConfigDict()
    config.train.batch_size = 40  # over all devices
    config.train.accumulate = 1  # micro-batches of a step, into which the batch is divided
    config.train.average = 0.0  # decay of the averaged parameters, which then are the model; 0: there are none
    config.train.nonfinite = "stop"  # at a loss or gradient that is not finite, or `skip` the step
    config.train.shard_parameters = False  # split large arrays of the state among the devices, instead of copies
    config.train.epochs = 100.0
    config.train.steps = 0  # above 0 it counts instead of the epochs
    config.train.precision = "float32"  # in what the networks multiply; or `bfloat16`, all else being float32
    config.train.remat = "none"  # recomputed for the gradient, to save memory, see `thf_jax.training.remat`
    config.train.log_every = 100
    config.train.sample_every = 1000
    config.train.save_every = 1000
    config.train.keep = 3  # newest checkpoints
    config.train.keep_best = 0  # best checkpoints that stay beside them, by `evaluate.metric`
    config.train.keep_every = 0  # one of every so many steps stays for good
    config.train.start_from = ""  # a model, or the workdir of another run, whose networks are trained on
    config.train.start_parts = ()  # of those networks only these, by name
    config.train.start_discriminator = ""  # a published PyTorch checkpoint, whose discriminator is trained on
    config.train.wandb = ""  # a project at Weights & Biases, where numbers and pictures go as well

    config.evaluate = ConfigDict()  # reconstruction during training, as `experiments.evaluate` measures it
    config.evaluate.every = 0  # steps; 0 is never
    config.evaluate.split = "eval"
    config.evaluate.clips = 16  # at most, evenly spread over the split
    config.evaluate.frames = 8  # every so many are scored
    config.evaluate.metric = "l1"  # or psnr, ssim: what the best checkpoints are best by
    return config


def varied(config: Config, variant: str, known: Mapping[str, Mapping[str, Any]]) -> Config:
    """The configuration, locked, changed by the named variants: several are joined by `+`, the later ones winning.

    Raises:
        InputError: no such variant.
    """
    config.lock()
    for name in filter(None, variant.split("+")):
        if name not in known:
            raise InputError(f"configs/{config.system}.py has no variant named {name!r}{nearest(name, known)}")
        config.update_from_flattened_dict(known[name])
    return config


SMALL_RUN = {
    "size": 64,
    "perceptual.weights": "random",
    "identity.weights": "random",
    "perceptual.taps": 1,
    "perceptual.scales": (1.0, 0.5, 0.25),
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
"""A run of an hour or two on two CPU cores. Random features of one layer are a bank of edge filters."""

DEBUG_RUN = {
    "size": 32,
    "perceptual.weights": "random",
    "identity.weights": "random",
    "perceptual.taps": 1,
    "perceptual.scales": (1.0,),
    "train.batch_size": 8,
    "train.steps": 20,
    "train.log_every": 5,
    "train.sample_every": 10,
    "train.save_every": 10,
}
"""A minute on a laptop: shows that everything runs."""

SMALL_KEYPOINTS = {
    "model.detector.width": 16,
    "model.detector.depth": 4,
    "model.detector.scale": 0.5,
    "model.dense_motion.width": 32,
    "model.dense_motion.depth": 4,
    "model.dense_motion.most": 256,
    "model.dense_motion.scale": 0.5,
    "discriminator.width": 16,
    "discriminator.depth": 2,
}
"""Detector, dense motion and discriminator for pictures of 64 pixels."""

TINY_KEYPOINTS = {
    "model.detector.width": 4,
    "model.detector.depth": 2,
    "model.detector.scale": 0.5,
    "model.dense_motion.width": 4,
    "model.dense_motion.depth": 2,
    "model.dense_motion.most": 256,
    "model.dense_motion.scale": 0.5,
    "discriminator.width": 16,
    "discriminator.depth": 2,
}
"""The same for pictures of 32 pixels."""

SMALL_GENERATOR = {
    "model.generator.width": 32,
    "model.generator.down_blocks": 1,
    "model.generator.residual_blocks": 3,
    "model.generator.skips": True,
}
"""FOMM's and MRAA's generator for pictures of 64 pixels; the skips keep the source's detail."""

TINY_GENERATOR = SMALL_GENERATOR | {"model.generator.width": 4, "model.generator.residual_blocks": 1}
"""The same for pictures of 32 pixels."""

SMALL_LOSSES = {
    "loss.reconstruction": 10.0,
    "loss.perceptual": 2.0,
    "loss.equivariance_position": 1.0,
    "loss.equivariance_jacobian": 1.0,
    "loss.keypoint_prior": 0.3,
}
"""FOMM's and MRAA's balance in a small run, where the reconstruction term does most of the work."""

WITHOUT = {
    "no_equivariance": {"loss.equivariance_position": 0.0, "loss.equivariance_jacobian": 0.0},
    "single_scale": {"perceptual.scales": (1.0,)},
}
"""Ablations of FOMM's losses, which MRAA shares."""
