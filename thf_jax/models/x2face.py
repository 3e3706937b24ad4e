"""X2Face: A network for controlling face generation using images, audio, and pose codes (Wiles et al., ECCV 2018)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.models.system import System
from thf_jax.nn.unet import UNet
from thf_jax.ops.precision import at_least_float32
from thf_jax.ops.sampling import pixel_grid, sample
from thf_jax.types import DrivingCode, EmbeddedFace, Reconstruction, Rendering, Warp

LEAST_CONFIDENCE = 0.1
"""What the weight of a source never falls below, in units of the weight that a confidence of 0 gives."""


class EmbeddingNetwork(nn.Module):
    """Lays a source out as an embedded face: one face, whatever its pose (section 3.1 of the paper).

    Args:
        width, depth, most: of the U-net; the pictures have 2^depth pixels a side, or a multiple.
        code: channels of its narrowest map, which skips surround.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 64
    depth: int = 8
    most: int = 512
    code: int = 512
    align_corners: bool = True

    @nn.compact
    def __call__(
        self, sources: Float[Array, "b n h w 3"], *, train: bool = False
    ) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w 2"]]:
        """The embedded face, and where in the first source each pixel of it comes from.

        A source s with the network's flow f and confidence c is laid out as e = s(z + tanh f(z)), and the embedded face
        is sum_i w_i e_i / sum_i w_i with w = exp(c) + 0.1, pixel by pixel.
        """
        b, n, h, w, _ = sources.shape
        images = sources.reshape(b * n, h, w, 3)
        network = UNet(3, self.code, True, self.width, self.depth, self.most, name="unet")
        flow, confidence = jnp.split(network(images, train=train), [2], axis=-1)
        grid = pixel_grid((h, w), flow.dtype) + jnp.tanh(flow)
        laid_out = jax.vmap(lambda image, at: sample(image, at, align_corners=self.align_corners))(images, grid)
        laid_out, confidence = laid_out.reshape(b, n, h, w, 3), confidence.reshape(b, n, h, w, 1)
        # Relative to the most that a pixel has, so that none is infinite.
        most = jax.lax.stop_gradient(jnp.maximum(confidence.max(axis=1, keepdims=True), 0))
        weight = jnp.exp(confidence - most) + LEAST_CONFIDENCE * jnp.exp(-most)
        face = laid_out[:, 0] if n == 1 else (weight * laid_out).sum(axis=1) / weight.sum(axis=1)
        return face, grid.reshape(b, n, h, w, 2)[:, 0]


class DrivingNetwork(nn.Module):
    """A frame to a code, the motion; and a code to the grid at which the embedded face is sampled (section 3.1).

    Args:
        width, depth, most: of the U-net, which has no skips: whatever the grid knows has passed through the code.
        code: how many numbers a motion has.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 64
    depth: int = 8
    most: int = 512
    code: int = 128
    align_corners: bool = True

    def setup(self):
        self.unet = UNet(2, self.code, False, self.width, self.depth, self.most)

    def encode(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> Float[Array, "b code"]:
        """The code of a frame, before any ReLU.

        Raises:
            InputError: the frame's side is not 2^depth.
        """
        side = 2**self.depth
        if frame.shape[1:3] != (side, side):
            raise InputError(
                f"a driving network of depth {self.depth} takes pictures of {side} x {side}, not {frame.shape[1]} x "
                f"{frame.shape[2]}; choose the depth and the size that go together"
            )
        code, _ = self.unet.encode(frame, train=train)
        return at_least_float32(code[:, 0, 0])

    def decode(self, code: Float[Array, "b code"], *, train: bool = False) -> Float[Array, "b h w 2"]:
        """For every pixel of the result, where in the embedded face it comes from: z + tanh(tanh f(z)).

        The flow is squashed twice, as the published weights were trained, and so never exceeds tanh(1) = 0.76.
        """
        flow = self.unet.decode(nn.relu(code)[:, None, None], train=train)
        return pixel_grid(flow.shape[1:3], flow.dtype) + jnp.tanh(jnp.tanh(flow))


class X2Face(nn.Module):
    """One or several sources to an embedded face, a frame to a code, and both to a picture by sampling alone.

    Without an embedding network the source itself is the embedded face, and of several sources their mean.
    """

    driving: DrivingNetwork
    embedding: EmbeddingNetwork | None = None

    def encode(self, source: Float[Array, "b *n h w 3"], *, train: bool = False) -> EmbeddedFace:
        """The embedded face of a source [b h w 3], or of several sources of one person [b n h w 3]."""
        sources = source if source.ndim == 5 else source[:, None]
        first = sources[:, 0]
        face, unwrap = (sources.mean(axis=1), None) if self.embedding is None else self.embedding(sources, train=train)
        # In training the driving network's statistics are those of driving frames alone.
        return EmbeddedFace(face, first, unwrap, None if train else self.motion(first))

    def motion(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> DrivingCode:
        """The code of a frame."""
        return DrivingCode(self.driving.encode(frame, train=train))

    def render(self, encoded: EmbeddedFace, motion: DrivingCode, *, train: bool = False) -> Rendering:
        """The embedded face in the pose of `motion`.

        The warp's grid leads through the embedded face on to the first source, and its `deformed` is that source moved
        by it: equal to the picture up to interpolation where there is no other source and nothing is painted.
        """
        grid = self.driving.decode(motion.code, train=train)
        align_corners = self.driving.align_corners

        def move(image: Array, grid: Array) -> Array:
            return sample(image, grid, align_corners=align_corners)

        def follow(unwrap: Array, grid: Array) -> Array:
            return sample(unwrap, grid, padding="edge", align_corners=align_corners)

        image = jax.vmap(move)(encoded.image, grid)
        grid = grid if encoded.unwrap is None else jax.vmap(follow)(encoded.unwrap, grid)
        deformed = jax.vmap(move)(encoded.source, grid)
        return Rendering(image, Warp(grid=grid, visibility=None, masks=None, candidates=None, deformed=deformed))

    def __call__(self, source: Array, driving: Array, *, train: bool = False) -> Reconstruction:
        """All three verbs at once: the sources in the pose of the driving frame. Initialises every parameter."""
        encoded = self.encode(source, train=train)
        motion = self.motion(driving, train=train)
        return Reconstruction(encoded, motion, self.render(encoded, motion, train=train))


X2FACE = System(X2Face, {"embedding": EmbeddingNetwork, "driving": DrivingNetwork})
