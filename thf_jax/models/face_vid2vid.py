"""One-Shot Free-View Neural Talking-Head Synthesis for Video Conferencing (Wang, Mallya and Liu, CVPR 2021)."""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.models.appearance import AppearanceEncoder
from thf_jax.models.canonical_detector import CanonicalDetector
from thf_jax.models.dense_motion_3d import DenseMotion3D
from thf_jax.models.head_estimator import HeadEstimator
from thf_jax.models.system import System
from thf_jax.models.volume_generator import VolumeGenerator
from thf_jax.types import EncodedVolume, HeadMotion, Reconstruction, Rendering


class FaceVid2Vid(nn.Module):
    """Canonical 3-D keypoints, posed by a frame's head motion, that move a volume of the source's features."""

    detector: CanonicalDetector
    estimator: HeadEstimator
    appearance: AppearanceEncoder
    dense_motion: DenseMotion3D
    generator: VolumeGenerator

    def encode(self, source: Float[Array, "b h w 3"], *, train: bool = False) -> EncodedVolume:
        """The source's features, canonical keypoints and own head motion."""
        return EncodedVolume(
            image=source,
            volume=self.appearance(source, train=train),
            canonical=self.detector(source, train=train),
            motion=self.motion(source, train=train),
        )

    def motion(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> HeadMotion:
        """The head motion in a frame."""
        return self.estimator(frame, train=train)

    def render(self, encoded: EncodedVolume, motion: HeadMotion, *, train: bool = False) -> Rendering:
        """The source in the pose and with the expression of `motion`.

        Raises:
            InputError: the motion's expression moves another number of keypoints than the source has.
        """
        counts = motion.expression.shape[-2], encoded.canonical.shape[-2]
        if counts[0] != counts[1]:
            raise InputError(f"an expression of {counts[0]} keypoints does not go with {counts[1]} canonical ones")
        source, driving = (one.pose(encoded.canonical) for one in (encoded.motion, motion))
        warp = self.dense_motion(encoded.volume, source.position, driving.position, train=train)
        return self.generator(encoded.volume, warp, train=train)

    def __call__(self, source: Array, driving: Array, *, train: bool = False) -> Reconstruction:
        """All three verbs at once: the source in the pose of the driving frame. Initialises every parameter."""
        encoded = self.encode(source, train=train)
        motion = self.motion(driving, train=train)
        return Reconstruction(encoded, motion, self.render(encoded, motion, train=train))


FACE_VID2VID = System(
    FaceVid2Vid,
    {
        "detector": CanonicalDetector,
        "estimator": HeadEstimator,
        "appearance": AppearanceEncoder,
        "dense_motion": DenseMotion3D,
        "generator": VolumeGenerator,
    },
)
