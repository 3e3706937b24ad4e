"""First Order Motion Model for Image Animation (Siarohin et al., NeurIPS 2019)."""

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.generator import Generator
from thf_jax.types import EncodedImage, Keypoints, Reconstruction, Rendering


class FOMM(nn.Module):
    """Keypoints with Jacobians, first-order dense motion, and a generator that knows where the source is occluded."""

    detector: KeypointDetector
    dense_motion: DenseMotion
    generator: Generator

    def encode(self, source: Float[Array, "b h w 3"], *, train: bool = False) -> EncodedImage:
        """The source's keypoints and features."""
        return EncodedImage(
            image=source,
            features=self.generator.encode(source, train=train),
            motion=self.motion(source, train=train),
        )

    def motion(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> Keypoints:
        """The keypoints of a frame."""
        return self.detector(frame, train=train)

    def render(self, encoded: EncodedImage, motion: Keypoints, *, train: bool = False) -> Rendering:
        """The source in the pose of `motion`."""
        warp = self.dense_motion(encoded.image, encoded.motion, motion, train=train)
        return self.generator(encoded.image, encoded.features, warp, train=train)

    def __call__(self, source: Array, driving: Array, *, train: bool = False) -> Reconstruction:
        """All three verbs at once: the source in the pose of the driving frame. Initialises every parameter."""
        encoded = self.encode(source, train=train)
        motion = self.motion(driving, train=train)
        return Reconstruction(encoded, motion, self.render(encoded, motion, train=train))
