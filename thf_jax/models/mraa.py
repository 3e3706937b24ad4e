"""Motion Representations for Articulated Animation (Siarohin et al., CVPR 2021).

Regions whose Jacobians are the principal axes of their heat-maps, a background that moves, a generator that blends the
warped source in, and animation via disentanglement.
"""

import functools

from thf_jax.models.avd import AVD
from thf_jax.models.background import BackgroundPredictor
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.generator import Generator
from thf_jax.models.keypoint_model import KeypointModel
from thf_jax.models.system import System

MRAA = System(
    KeypointModel,
    {
        "detector": functools.partial(KeypointDetector, jacobians="principal_axes", covariance="heatmap", padding=3),
        "dense_motion": functools.partial(DenseMotion, axis_swap=True, align_corners=False),
        "generator": functools.partial(Generator, skips=True, align_corners=False),
        "background": BackgroundPredictor,
        "avd": AVD,
    },
)
