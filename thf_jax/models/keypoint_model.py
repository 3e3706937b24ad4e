"""The model that Monkey-Net, FOMM and MRAA are: keypoints, dense motion between them, a generator."""

import dataclasses

from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.models.avd import AVD
from thf_jax.models.background import BackgroundPredictor
from thf_jax.models.deforming_generator import DeformingGenerator
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.generator import Generator
from thf_jax.types import EncodedImage, Keypoints, Reconstruction, Rendering


class KeypointModel(nn.Module):
    """Keypoints of two pictures, the flow between them, and a picture painted from what it moves.

    The three systems differ in their parts' settings, in the kind of generator, and in what MRAA has beside: a
    background that moves, and a network that keeps shape and pose apart.
    """

    detector: KeypointDetector
    dense_motion: DenseMotion
    generator: Generator | DeformingGenerator
    background: BackgroundPredictor | None = None
    avd: AVD | None = None

    def encode(self, source: Float[Array, "b h w 3"], *, train: bool = False) -> EncodedImage:
        """The source's keypoints and features."""
        return EncodedImage(
            image=source,
            features=self.generator.encode(source, train=train),
            motion=self.motion(source, train=train),
        )

    def motion(
        self, frame: Float[Array, "b h w 3"], source: Float[Array, "b h w 3"] | None = None, *, train: bool = False
    ) -> Keypoints:
        """The keypoints of a frame.

        Args:
            source: where given, the motion of the background since this picture is measured as well (MRAA, in training
                and reconstruction); without it, as in animation, the background stands still.
        """
        keypoints = self.detector(frame, train=train)
        if source is None or self.background is None:
            return keypoints
        return dataclasses.replace(keypoints, background=self.background(source, frame, train=train))

    def combine(self, identity: Keypoints, pose: Keypoints, *, train: bool = False) -> Keypoints:
        """The keypoints of a person in the pose of another (AVD).

        Raises:
            InputError: the model has no AVD network.
        """
        if self.avd is None:
            raise InputError("this model has no AVD network: choose the standard or the relative mode")
        return self.avd(identity, pose, train=train)

    def render(self, encoded: EncodedImage, motion: Keypoints, *, train: bool = False) -> Rendering:
        """The source in the pose of `motion`."""
        warp = self.dense_motion(encoded.image, encoded.motion, motion, train=train)
        return self.generator(encoded, motion, warp, train=train)

    def __call__(self, source: Array, driving: Array, *, train: bool = False) -> Reconstruction:
        """All three verbs at once, the background's motion included. Initialises every parameter."""
        encoded = self.encode(source, train=train)
        motion = self.motion(driving, source, train=train)
        if self.is_initializing() and self.avd is not None:
            self.combine(encoded.motion, motion, train=train)
        return Reconstruction(encoded, motion, self.render(encoded, motion, train=train))
