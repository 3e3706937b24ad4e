"""Motion Representations for Articulated Animation (Siarohin et al., CVPR 2021)."""

import dataclasses

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError, nearest
from thf_jax.models.dense_motion import DenseMotion
from thf_jax.models.detector import KeypointDetector
from thf_jax.models.generator import Generator
from thf_jax.nn.blocks import BatchNorm, Dense
from thf_jax.nn.hourglass import Encoder
from thf_jax.ops.linalg2 import inverse, product
from thf_jax.types import EncodedImage, Keypoints, Reconstruction, Rendering

BACKGROUNDS = {"shift": (2, 5), "affine": (0, 1, 2, 3, 4, 5), "perspective": (0, 1, 2, 3, 4, 5, 6, 7)}
"""Which entries of the background's 3 x 3 matrix, row by row, are predicted; the others are the identity's."""


class BackgroundPredictor(nn.Module):
    """How the background moves between two pictures: a matrix [b 3 3] on (x, y, 1) (MRAA, section 3.3).

    Args:
        width, depth, most: of the encoder.
        kind: `shift`, `affine` or `perspective`: how many entries of the matrix are free.

    Raises:
        InputError: another kind.
    """

    width: int = 32
    depth: int = 5
    most: int = 1024
    kind: str = "affine"

    @nn.compact
    def __call__(
        self, source: Float[Array, "b h w 3"], driving: Float[Array, "b h w 3"], *, train: bool = False
    ) -> Float[Array, "b 3 3"]:
        if self.kind not in BACKGROUNDS:
            raise InputError(f"there is no kind of background named {self.kind!r}{nearest(self.kind, BACKGROUNDS)}")
        free = jnp.array(BACKGROUNDS[self.kind])
        both = jnp.concatenate([source, driving], axis=-1)
        features = Encoder(self.width, self.depth, self.most, name="encoder")(both, train=train)[-1].mean((1, 2))
        identity = jnp.eye(3).reshape(-1)
        entries = nn.Dense(
            len(free), kernel_init=nn.initializers.zeros, bias_init=lambda *_: identity[free], name="entries"
        )(features)
        rows = jnp.broadcast_to(identity.astype(entries.dtype), (source.shape[0], 9))
        return rows.at[:, free].set(entries).reshape(-1, 3, 3)


class Perceptron(nn.Module):
    """Dense layers with batch norm and ReLU between them: [b n] -> [b widths[-1]].

    Args:
        widths: of the layers.
        bias_cancels: whether a dense layer and a batch norm follow, which take away the last bias as well, see `Conv`.
    """

    widths: tuple[int, ...]
    bias_cancels: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b n"], *, train: bool) -> Float[Array, "b m"]:
        for index, width in enumerate(self.widths):
            last = index == len(self.widths) - 1
            cancels = train and (self.bias_cancels or not last)
            x = Dense(width, bias_cancels=cancels, name=f"dense{index}")(x)
            x = x if last else nn.relu(BatchNorm(name=f"norm{index}")(x, train=train))
        return x


class AVD(nn.Module):
    """Animation via disentanglement: regions with the shape of one person and the pose of another (MRAA, section 3.4).

    Args:
        identity, pose: numbers that shape and pose are each squeezed into.
        axis_swap: whether the regions' axes are known up to their sign, see `ops.motion.unswapped`.
    """

    identity: int = 64
    pose: int = 64
    axis_swap: bool = True

    @nn.compact
    def __call__(self, identity: Keypoints, pose: Keypoints, *, train: bool = False) -> Keypoints:
        if identity.jacobian is None or pose.jacobian is None:
            raise InputError("animation via disentanglement needs regions with Jacobians")
        shape = identity.jacobian
        if self.axis_swap:
            turned = product(shape, inverse(pose.jacobian))[..., :1, :1] < 0
            shape = jnp.where(turned, -shape, shape)
        batch, count = pose.position.shape[:2]
        encoded = [
            Perceptron((256, 512, 1024, size), bias_cancels=True, name=name)(_as_rows(position, jacobian), train=train)
            for name, size, position, jacobian in (
                ("pose_encoder", self.pose, pose.position, pose.jacobian),
                ("identity_encoder", self.identity, identity.position, shape),
            )
        ]
        decoder = Perceptron((1024, 512, 256, 6 * count), name="decoder")
        regions = decoder(jnp.concatenate(encoded, -1), train=train).reshape(batch, count, 6)
        jacobian = regions[..., 2:].reshape(batch, count, 2, 2)
        return Keypoints(regions[..., :2], jacobian, product(jacobian, jacobian.mT))


def _as_rows(position: Array, jacobian: Array) -> Array:
    """[b 6k]: of each region the shift, then its affine transformation row by row."""
    rows = jnp.concatenate([position, jacobian.reshape(*jacobian.shape[:2], 4)], axis=-1)
    return rows.reshape(rows.shape[0], -1)


class MRAA(nn.Module):
    """Regions with principal axes, a background that moves, and a generator that blends the warped source in."""

    detector: KeypointDetector
    dense_motion: DenseMotion
    generator: Generator
    background: BackgroundPredictor | None = None
    avd: AVD | None = None

    def encode(self, source: Float[Array, "b h w 3"], *, train: bool = False) -> EncodedImage:
        """The source's regions and features."""
        return EncodedImage(
            image=source,
            features=self.generator.encode(source, train=train),
            motion=self.motion(source, train=train),
        )

    def motion(
        self, frame: Float[Array, "b h w 3"], source: Float[Array, "b h w 3"] | None = None, *, train: bool = False
    ) -> Keypoints:
        """The regions of a frame.

        Args:
            source: where given, the motion of the background since this picture is measured as well (training,
                reconstruction); without it, as in animation, the background stands still.
        """
        regions = self.detector(frame, train=train)
        if source is None or self.background is None:
            return regions
        return dataclasses.replace(regions, background=self.background(source, frame, train=train))

    def combine(self, identity: Keypoints, pose: Keypoints, *, train: bool = False) -> Keypoints:
        """The regions of a person in the pose of another (AVD).

        Raises:
            InputError: the model has no AVD network.
        """
        if self.avd is None:
            raise InputError("this MRAA model has no AVD network: choose the standard or the relative mode")
        return self.avd(identity, pose, train=train)

    def render(self, encoded: EncodedImage, motion: Keypoints, *, train: bool = False) -> Rendering:
        """The source in the pose of `motion`."""
        warp = self.dense_motion(encoded.image, encoded.motion, motion, train=train)
        return self.generator(encoded.image, encoded.features, warp, train=train)

    def __call__(self, source: Array, driving: Array, *, train: bool = False) -> Reconstruction:
        """All three verbs at once, the background's motion included. Initialises every parameter."""
        encoded = self.encode(source, train=train)
        motion = self.motion(driving, source, train=train)
        if self.is_initializing() and self.avd is not None:
            self.combine(encoded.motion, motion, train=train)
        return Reconstruction(encoded, motion, self.render(encoded, motion, train=train))
