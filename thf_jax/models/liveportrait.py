"""LivePortrait: Efficient Portrait Animation with Stitching and Retargeting Control (Guo et al. 2024)."""

import functools

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.models.appearance import AppearanceEncoder
from thf_jax.models.corrector import Corrector
from thf_jax.models.dense_motion_3d import DenseMotion3D
from thf_jax.models.motion_extractor import MotionExtractor
from thf_jax.models.system import System
from thf_jax.models.volume_generator import VolumeGenerator
from thf_jax.types import EncodedVolume, HeadMotion, Keypoints, Reconstruction, Rendering


class LivePortrait(nn.Module):
    """Face vid2vid with one network for everything that moves, a picture twice as large, and correctors of keypoints.

    The published pictures are 256 pixels wide when they go in and 512 when they come out.
    """

    extractor: MotionExtractor
    appearance: AppearanceEncoder
    dense_motion: DenseMotion3D
    generator: VolumeGenerator
    corrector: Corrector

    def encode(self, source: Float[Array, "b h w 3"], *, train: bool = False) -> EncodedVolume:
        """The source's features, canonical keypoints and own head motion."""
        canonical, motion = self.extractor(source)
        volume = self.appearance(source, train=train)
        return EncodedVolume(image=source, volume=volume, canonical=canonical, motion=motion)

    def motion(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> HeadMotion:
        """The head motion in a frame."""
        return self.extractor(frame)[1]

    def render(self, encoded: EncodedVolume, motion: HeadMotion | Keypoints, *, train: bool = False) -> Rendering:
        """The source in the pose and with the expression of `motion`, or with its keypoints where `motion` has them.

        Nothing is stitched here: that, and every other correction, belongs to how motion is carried over.

        Raises:
            InputError: the motion is of another number of keypoints than the source.
        """
        moved = motion.expression if isinstance(motion, HeadMotion) else motion.position
        counts = moved.shape[-2], encoded.canonical.shape[-2]
        if counts[0] != counts[1]:
            raise InputError(f"a motion of {counts[0]} keypoints does not go with {counts[1]} canonical ones")
        driving = motion.pose(encoded.canonical) if isinstance(motion, HeadMotion) else motion
        source = encoded.motion.pose(encoded.canonical)
        warp = self.dense_motion(encoded.volume, source.position, driving.position, train=train)
        return self.generator(encoded.volume, warp, train=train)

    def stitch(self, source: Array, driven: Array) -> Array:
        """See `Corrector.stitch`."""
        return self.corrector.stitch(source, driven)

    def open_eyes(self, source: Array, openness: Array) -> Array:
        """See `Corrector.open_eyes`."""
        return self.corrector.open_eyes(source, openness)

    def open_lips(self, source: Array, openness: Array) -> Array:
        """See `Corrector.open_lips`."""
        return self.corrector.open_lips(source, openness)

    def __call__(self, source: Array, driving: Array, *, train: bool = False) -> Reconstruction:
        """All three verbs at once: the source in the pose of the driving frame. Initialises every parameter."""
        encoded, motion = self.encode(source, train=train), self.motion(driving, train=train)
        if self.is_initializing():
            still = encoded.motion.pose(encoded.canonical).position
            self.corrector(still, still)
        return Reconstruction(encoded, motion, self.render(encoded, motion, train=train))


LIVE_PORTRAIT = System(
    LivePortrait,
    {
        "extractor": MotionExtractor,
        "appearance": AppearanceEncoder,
        "dense_motion": DenseMotion3D,
        "generator": functools.partial(VolumeGenerator, upscale=2),
        "corrector": Corrector,
    },
)
