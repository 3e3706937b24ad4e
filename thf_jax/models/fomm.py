"""First Order Motion Model for Image Animation (Siarohin et al., NeurIPS 2019).

Keypoints with Jacobians, first-order dense motion, and a generator that knows where the source is occluded. The
defaults of the shared parts are FOMM's.
"""

from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.generator import Generator
from thf_jax.models.keypoint_model import KeypointModel
from thf_jax.models.system import System

FOMM = System(KeypointModel, {"detector": KeypointDetector, "dense_motion": DenseMotion, "generator": Generator})
