"""Head rotations: matrices from yaw, pitch and roll and back, and what a head's pose does to its keypoints.

Angles are in degrees. The coordinates are those of the keypoints: x to the right, y down, z into the picture. Matrices
act on column vectors. The three rotations about an axis are

    Rx = [[1, 0, 0], [0, c, -s], [0, s, c]]
    Ry = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    Rz = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
"""

import math
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.errors import InputError, nearest

Order = Literal["pitch_yaw_roll", "roll_pitch_yaw", "roll_yaw_pitch"]
"""The factors of a rotation matrix from left to right.

- `pitch_yaw_roll`: Rx(pitch) Ry(yaw) Rz(roll), face vid2vid.
- `roll_pitch_yaw`: Rx(roll) Ry(pitch) Rz(yaw), the older face vid2vid, whose angles go by other names.
- `roll_yaw_pitch`: Rz(roll) Ry(yaw) Rx(pitch), LivePortrait, which writes the transpose and multiplies rows.
"""
_AXES = {"pitch_yaw_roll": "xyz", "roll_pitch_yaw": "xyz", "roll_yaw_pitch": "zyx"}

PUBLISHED_PI = 3.14
"""What face vid2vid was trained with in place of pi."""


def _axes(order: str) -> str:
    if order not in get_args(Order):
        raise InputError(f"there is no order of rotations named {order!r}{nearest(order, get_args(Order))}")
    return _AXES[order]


def expected_degrees(
    logits: Float[Array, "*b bins"], *, width: float = 3.0, first: float = -99.0
) -> Float[Array, "*b"]:
    """The mean angle under a softmax over bins: width sum_i i softmax(logits)_i + first (Ruiz et al. 2018).

    Args:
        width: of a bin, in degrees.
        first: the angle of bin 0; -99 in face vid2vid, -97.5 in LivePortrait.
    """
    share = jax.nn.softmax(logits, axis=-1)
    index = jnp.arange(logits.shape[-1], dtype=logits.dtype)
    return width * (share * index).sum(-1) + first


def _about(axis: str, angle: Array) -> Array:
    c, s = jnp.cos(angle), jnp.sin(angle)
    one, zero = jnp.ones_like(c), jnp.zeros_like(c)
    rows = {
        "x": [[one, zero, zero], [zero, c, -s], [zero, s, c]],
        "y": [[c, zero, s], [zero, one, zero], [-s, zero, c]],
        "z": [[c, -s, zero], [s, c, zero], [zero, zero, one]],
    }[axis]
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def rotation_matrix(
    yaw: Float[Array, "*b"],
    pitch: Float[Array, "*b"],
    roll: Float[Array, "*b"],
    *,
    order: str = "pitch_yaw_roll",
    pi: float = math.pi,
) -> Float[Array, "*b 3 3"]:
    """The product of the three rotations in this order.

    Args:
        order: see `Order`.
        pi: what 180 degrees are; `PUBLISHED_PI` in face vid2vid.

    Raises:
        InputError: no such order.
    """
    degrees = {"yaw": yaw, "pitch": pitch, "roll": roll}
    axes = _axes(order)
    first, second, third = (
        _about(axis, degrees[name] / 180 * pi) for axis, name in zip(axes, order.split("_"), strict=True)
    )
    return product3(product3(first, second), third)


def angles_of(
    rotation: Float[Array, "*b 3 3"], *, order: str = "pitch_yaw_roll", pi: float = math.pi
) -> tuple[Float[Array, "*b"], Float[Array, "*b"], Float[Array, "*b"]]:
    """(yaw, pitch, roll) in degrees that `rotation_matrix` makes this rotation of.

    The angle of the middle factor lies within a quarter turn; at exactly that the other two are not determined.

    Raises:
        InputError: no such order.
    """
    sign = 1 if _axes(order) == "xyz" else -1
    # Rz(a) Ry(b) Rx(c) is the transpose of Rx(-c) Ry(-b) Rz(-a).
    matrix = rotation if sign == 1 else rotation.mT
    top, right = matrix[..., 0, :], matrix[..., :, 2]
    about_x = jnp.arctan2(-right[..., 1], right[..., 2])
    about_y = jnp.arctan2(top[..., 2], jnp.hypot(top[..., 0], top[..., 1]))
    about_z = jnp.arctan2(-top[..., 1], top[..., 0])
    factors = (about_x, about_y, about_z)[::sign]
    named = {name: sign * angle * (180 / pi) for name, angle in zip(order.split("_"), factors, strict=True)}
    return named["yaw"], named["pitch"], named["roll"]


def product3(first: Float[Array, "*#b 3 3"], second: Float[Array, "*#b 3 3"]) -> Float[Array, "*#b 3 3"]:
    """The product of each pair, at full precision: accelerators round the factors of `@` to 8 or 11 bits.

    Leading axes broadcast.
    """
    return jnp.matmul(first, second, precision=jax.lax.Precision.HIGHEST)


def pose_keypoints(
    canonical: Float[Array, "*b k 3"],
    rotation: Float[Array, "*b 3 3"],
    translation: Float[Array, "*b 3"],
    expression: Float[Array, "*b k 3"],
    scale: Float[Array, "*b 1"] | None = None,
) -> Float[Array, "*b k 3"]:
    """Scale (R x_c + delta) + t for every canonical keypoint x_c, with scale 1 where it is None.

    Face vid2vid, equation 1 (Wang et al. 2021), where nothing is scaled; LivePortrait, equation 2 (Guo et al. 2024),
    with t_z = 0.
    """
    turned = jnp.einsum("...ij,...kj->...ki", rotation, canonical, precision=jax.lax.Precision.HIGHEST)
    moved = turned + expression
    if scale is not None:
        moved = moved * scale[..., None]
    return moved + translation[..., None, :]
