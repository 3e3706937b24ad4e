"""Monkey-Net: Animating Arbitrary Objects via Deep Motion Transfer (Siarohin et al., CVPR 2019).

Keypoints with a covariance and without Jacobians, zeroth-order dense motion with a free correction, and a generator
that warps features of every size.
"""

import functools

from thf_jax.models.deforming_generator import DeformingGenerator
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.keypoint_model import KeypointModel
from thf_jax.models.system import System

MONKEY_NET = System(
    KeypointModel,
    {
        "detector": functools.partial(
            KeypointDetector,
            antialias=False,
            floor=1e-7,
            jacobians=None,
            covariance="heatmap",
            smallest_variance=1e-3,
            head=3,
            padding=1,
        ),
        "dense_motion": functools.partial(
            DenseMotion,
            width=32,
            antialias=False,
            heatmap_gain=0.01,
            group_blocks=2,
            head=3,
            background_bias=2.0,
            correction=True,
            visibility=False,
        ),
        "generator": DeformingGenerator,
    },
)
