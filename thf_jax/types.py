"""What the three verbs exchange: small frozen pytrees. A leading batch axis (`*b`) may stand before every shape."""

from __future__ import annotations

from flax import struct
from jaxtyping import Array, Float

from thf_jax.ops.linalg2 import inverse, product


@struct.dataclass
class Keypoints:
    """The motion of one frame in Monkey-Net and FOMM."""

    position: Float[Array, "*b k 2"]
    """(x, y) in [-1, 1]."""
    jacobian: Float[Array, "*b k 2 2"] | None = None
    """How the neighbourhood of each keypoint is stretched and turned; None means the identity."""

    def transfer(self, initial: Keypoints, onto: Keypoints, *, scale: float | Array = 1.0) -> Keypoints:
        """The change from `initial` to this motion, applied to the keypoints `onto`: relative motion.

        position = onto + scale (self - initial), jacobian = (J_self J_initial^-1) J_onto. With `initial` equal to
        `onto` and a scale of 1 this is the motion itself.
        """
        position = onto.position + scale * (self.position - initial.position)
        if self.jacobian is None or initial.jacobian is None or onto.jacobian is None:
            return Keypoints(position)
        return Keypoints(position, product(product(self.jacobian, inverse(initial.jacobian)), onto.jacobian))


@struct.dataclass
class EncodedImage:
    """What FOMM needs of a source, computed once."""

    image: Float[Array, "*b h w 3"]
    features: list[Array]
    """Each [*b y x c]; which ones, the generator says."""
    motion: Keypoints


@struct.dataclass
class Warp:
    """How the source image becomes the driving frame's pose."""

    grid: Float[Array, "*b h w 2"]
    """For every pixel of the result, the absolute position in the source, (x, y) in [-1, 1]."""
    visibility: Float[Array, "*b h w 1"] | None
    """1 where the source shows what the result needs (the papers' occlusion map); None means everywhere."""
    masks: Float[Array, "*b h w n"]
    """The share of each motion in every pixel, the background first; they sum to 1."""
    candidates: Float[Array, "*b n h w 3"]
    """The source, small, moved by each motion on its own."""
    deformed: Float[Array, "*b y x 3"]
    """The source image moved by the grid, at full size."""


@struct.dataclass
class Rendering:
    """One frame of the result."""

    image: Float[Array, "*b h w 3"]
    """In [0, 1]."""
    warp: Warp
