"""What the three verbs exchange: small frozen pytrees. A leading batch axis (`*b`) may stand before every shape."""

from __future__ import annotations

from typing import Any

from flax import struct
from jaxtyping import Array, Float

from thf_jax.ops.linalg2 import inverse, nearest_covariance, product
from thf_jax.ops.rotation import pose_keypoints, product3


@struct.dataclass
class Keypoints:
    """The motion of one frame in Monkey-Net, FOMM and MRAA.

    MRAA's regions are keypoints too: their shift is the position, their affine transformation the Jacobian.
    """

    position: Float[Array, "*b k 2"]
    """(x, y) in [-1, 1]."""
    jacobian: Float[Array, "*b k 2 2"] | None = None
    """How the neighbourhood of each keypoint is stretched and turned; None means the identity."""
    covariance: Float[Array, "*b k 2 2"] | None = None
    """How far each keypoint's heat-map spreads; None means a fixed width, which the model knows."""
    background: Float[Array, "*b 3 3"] | None = None
    """Where the background lies in the source, as a map of (x, y, 1); None means that it stands still."""

    @property
    def batched(self) -> bool:
        """Whether a batch axis stands before the shapes."""
        return self.position.ndim == 3

    def transfer(
        self, initial: Keypoints, onto: Keypoints, *, scale: float | Array = 1.0, adapt_variance: bool = False
    ) -> Keypoints:
        """The change from `initial` to this motion, applied to the keypoints `onto`: relative motion.

        position = onto + scale (self - initial), jacobian = (J_self J_initial^-1) J_onto. The covariance stays that of
        this motion, as published, or is adapted like a Jacobian (Monkey-Net). The background stands still. With
        `initial` equal to `onto` and a scale of 1 this is the motion itself.
        """
        position = onto.position + scale * (self.position - initial.position)
        jacobian, covariance = _change(self.jacobian, initial.jacobian, onto.jacobian), self.covariance
        if adapt_variance:
            covariance = _change(self.covariance, initial.covariance, onto.covariance)
            covariance = None if covariance is None else nearest_covariance(covariance)
        return Keypoints(position, jacobian, covariance)

    def posed(self, encoded: Any) -> Keypoints:
        """These keypoints, which are of the frame whatever the source is; see `HeadMotion.posed`."""
        del encoded
        return self

    def stretched(self, factors: Float[Array, "*b 1 2"]) -> Keypoints:
        """The keypoints in a picture stretched about its centre by these factors along x and y.

        Positions and Jacobians alone: the heat-maps that covariances would describe are those of another picture.
        """
        jacobian = None if self.jacobian is None else factors[..., None] * self.jacobian
        return Keypoints(factors * self.position, jacobian)


def _change(ours: Array | None, initial: Array | None, onto: Array | None) -> Array | None:
    """(ours initial^-1) onto; None, the identity, where any of them is None."""
    if ours is None or initial is None or onto is None:
        return None
    return product(product(ours, inverse(initial)), onto)


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

    def posed(self, encoded: EncodedVolume) -> Keypoints:
        """Where the keypoints of an encoded source are in this motion."""
        return self.pose(encoded.canonical)

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
    """What a system with keypoints needs of a source, computed once."""

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


@struct.dataclass
class Reconstruction:
    """A source in the pose of a driving frame, and what was found on the way: what training looks at."""

    encoded: Any
    motion: Any
    rendering: Rendering
