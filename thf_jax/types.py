"""What the three verbs exchange: small frozen pytrees. A leading batch axis (`*b`) may stand before every shape."""

from __future__ import annotations

from flax import struct
from jaxtyping import Array, Float

from thf_jax.ops.linalg2 import inverse, product
from thf_jax.ops.rotation import pose_keypoints, product3


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
class HeadMotion:
    """The motion of one frame in face vid2vid and LivePortrait: how the head is turned, where it is, how it looks."""

    rotation: Float[Array, "*b 3 3"]
    """Acts on columns (x, y, z); `ops.rotation` makes it of yaw, pitch and roll, and takes it apart."""
    translation: Float[Array, "*b 3"]
    expression: Float[Array, "*b k 3"]
    """How far each keypoint is from where it would be with the face at rest, after the rotation."""
    scale: Float[Array, "*b 1"] | None = None
    """The size of the head; None means 1."""
    openness: Float[Array, "*b 3"] | None = None
    """How far left eye, right eye and lips are open, read off landmarks; None where none were. It moves nothing."""

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before every shape."""
        return self.rotation.ndim == 3

    def pose(self, canonical: Float[Array, "*b k 3"]) -> Keypoints:
        """The canonical keypoints of a face in this motion, see `ops.rotation.pose_keypoints`."""
        return Keypoints(pose_keypoints(canonical, self.rotation, self.translation, self.expression, self.scale))

    def transfer(self, initial: HeadMotion, onto: HeadMotion, *, scale: float | Array = 1.0) -> HeadMotion:
        """The change from `initial` to this motion, applied to the motion `onto`: relative motion.

        rotation = (R_self R_initial^T) R_onto; translation and expression = onto + scale (self - initial); the head's
        size changes by the ratio of theirs. With `initial` equal to `onto` and a scale of 1 this is the motion itself.
        """
        turn = product3(self.rotation, initial.rotation.mT)
        size = None
        if self.scale is not None and initial.scale is not None and onto.scale is not None:
            size = onto.scale * (self.scale / initial.scale)
        return HeadMotion(
            rotation=product3(turn, onto.rotation),
            translation=onto.translation + scale * (self.translation - initial.translation),
            expression=onto.expression + scale * (self.expression - initial.expression),
            scale=size,
        )


@struct.dataclass
class EncodedVolume:
    """What face vid2vid and LivePortrait need of a source, computed once."""

    image: Float[Array, "*b h w 3"]
    volume: Float[Array, "*b z y x c"]
    """The source's features in 3-D."""
    canonical: Float[Array, "*b k 3"]
    """Its keypoints, (x, y, z) in [-1, 1], as if it looked straight ahead and at rest."""
    motion: HeadMotion
    """How it is posed in fact."""

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before every shape."""
        return self.volume.ndim == 5


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
class VolumeWarp:
    """How the source's volume of features becomes the driving frame's pose."""

    grid: Float[Array, "*b z h w 3"]
    """For every point of the result, the absolute position in the source, (x, y, z) in [-1, 1]."""
    visibility: Float[Array, "*b h w 1"] | None
    """1 where the source shows what the result needs; None means everywhere."""
    masks: Float[Array, "*b z h w n"]
    """The share of each motion in every point, the background first; they sum to 1."""


@struct.dataclass
class Rendering:
    """One frame of the result."""

    image: Float[Array, "*b h w 3"]
    """In [0, 1]."""
    warp: Warp | VolumeWarp
