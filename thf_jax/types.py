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

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before the shapes."""
        return self.position.ndim == 3

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
class DrivingCode:
    """The motion of one frame in X2Face."""

    code: Float[Array, "*b c"]
    """What the driving network's narrowest layer gives, before the ReLU: rendering takes max(code, 0), whereas the maps
    from and to head pose and sound are linear in the raw code."""

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before the shape."""
        return self.code.ndim == 2

    def transfer(self, initial: DrivingCode, onto: DrivingCode, *, scale: float | Array = 1.0) -> DrivingCode:
        """The change from `initial` to this motion, added to the code `onto`: onto + scale (self - initial).

        With `initial` equal to `onto` and a scale of 1 this is the motion itself. A code has no size to which a scale
        could be adapted; one other than 1 exaggerates the motion or damps it.
        """
        return DrivingCode(onto.code + scale * (self.code - initial.code))


@struct.dataclass
class EncodedImage:
    """What FOMM needs of a source, computed once."""

    image: Float[Array, "*b h w 3"]
    features: list[Array]
    """Each [*b y x c]; which ones, the generator says."""
    motion: Keypoints

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before the shapes."""
        return self.image.ndim == 4


@struct.dataclass
class EmbeddedFace:
    """What X2Face needs of its sources, computed once.

    Whatever is painted on the embedded face moves with it: `dataclasses.replace(encoded, image=painted)`.
    """

    image: Float[Array, "*b h w 3"]
    """The embedded face, which every frame of the result is sampled from: the sources, each laid out by its own flow,
    averaged by confidence."""
    source: Float[Array, "*b h w 3"]
    """The first source."""
    unwrap: Float[Array, "*b h w 2"] | None
    """For every pixel of the embedded face, where in the first source it comes from; None: from the same place."""
    motion: DrivingCode | None
    """The first source's own; None in training, where nobody asks for it."""

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before the shapes."""
        return self.image.ndim == 4


@struct.dataclass
class Warp:
    """How the source image becomes the driving frame's pose."""

    grid: Float[Array, "*b h w 2"]
    """For every pixel of the result, the absolute position in the source (of several, the first), (x, y) in [-1, 1]."""
    visibility: Float[Array, "*b h w 1"] | None
    """1 where the source shows what the result needs (the papers' occlusion map); None means everywhere."""
    masks: Float[Array, "*b h w n"] | None
    """The share of each motion in every pixel, the background first; they sum to 1. None: there is but one motion."""
    candidates: Float[Array, "*b n h w 3"] | None
    """The source, small, moved by each motion on its own; None where masks are."""
    deformed: Float[Array, "*b y x 3"]
    """The source image moved by the grid, at full size."""


@struct.dataclass
class Rendering:
    """One frame of the result."""

    image: Float[Array, "*b h w 3"]
    """In [0, 1]."""
    warp: Warp
