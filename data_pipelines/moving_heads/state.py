"""What may move in a picture of a head: one frame's numbers, and how they place a point."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

POSE = ("yaw", "pitch", "roll", "x", "y", "scale")
OCCLUDER = ("occluder_x", "occluder_y", "occluder_turn")
EXPRESSION = ("mouth", "smile", "blink_left", "blink_right", "brow", "gaze_x", "gaze_y")


class HeadState(NamedTuple):
    """Pose and expression of one frame, and where an occluder is, if there is one.

    Left and right are those of the picture. A positive yaw turns the nose to the right of the picture, a positive
    pitch lifts it, a positive roll tilts the head clockwise. `x` and `y` shift head and body over a picture that
    reaches from -1 to 1, y downward; `scale` is 1 where the head fills some two thirds of the picture's height.
    """

    yaw: float = 0.0  # degrees
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    mouth: float = 0.0  # 0 closed .. 1 wide open
    smile: float = 0.0  # -1 corners down .. 1 corners up
    blink_left: float = 0.0  # 0 open .. 1 closed
    blink_right: float = 0.0
    brow: float = 0.0  # -1 frowning .. 1 raised
    gaze_x: float = 0.0  # -1 left .. 1 right
    gaze_y: float = 0.0  # -1 up .. 1 down
    occluder_x: float = 0.0  # its middle in the picture; head and body do not carry it along
    occluder_y: float = 0.0
    occluder_turn: float = 0.0  # degrees, clockwise


class MotionTrack(NamedTuple):
    """What moves over the frames of a clip; POSE, EXPRESSION and OCCLUDER name the columns."""

    pose: Float[np.ndarray, "t 6"]
    expression: Float[np.ndarray, "t 7"]
    occluder: Float[np.ndarray, "t 3"]  # where one would be; whether there is one, the scene says

    def at(self, time: int) -> HeadState:
        """The state of one frame."""
        return HeadState(*(value for column in self for value in column[time].tolist()))


def rotation(yaw: float, pitch: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """R = Rx(pitch) Ry(yaw) Rz(roll) from degrees, for axes x right, y down, z towards the viewer.

    The same order and signs as face vid2vid's (Wang et al. 2021).
    """
    (sy, cy), (sp, cp), (sr, cr) = ((np.sin(a), np.cos(a)) for a in np.deg2rad((yaw, pitch, roll)))
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


class Placement(NamedTuple):
    """A similarity q = matrix p + offset that brings a body part before the camera; the picture is q's (x, y).

    The camera is orthographic: z only decides who covers whom, the larger z being nearer.
    """

    matrix: Float[np.ndarray, "3 3"]
    offset: Float[np.ndarray, "3"]

    def forward(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points before the camera from points of the body part."""
        return points @ self.matrix.T.astype(points.dtype) + self.offset.astype(points.dtype)

    def backward(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points of the body part from points before the camera."""
        return (points - self.offset.astype(points.dtype)) @ self.inverse().T.astype(points.dtype)

    def inverse(self) -> Float[np.ndarray, "3 3"]:
        """The inverse of the matrix, a scaled rotation."""
        return self.matrix.T / (self.matrix[0] @ self.matrix[0])


HEAD_PIVOT = np.array([0.0, 0.38, -0.12])  # the top of the neck: a nod swings the head about it
BODY_PIVOT = np.array([0.0, 1.0, -0.15])
OCCLUDER_DEPTH = 2.0  # before everything else
BODY_SHARE = (0.3, 0.1, 0.15)  # how much of the head's yaw, pitch and roll the shoulders follow


def place_head(state: HeadState) -> Placement:
    """Where the head stands: q = scale (R (p - pivot) + pivot) + (x, y, 0)."""
    return _about(HEAD_PIVOT, rotation(state.yaw, state.pitch, state.roll), state)


def place_body(state: HeadState) -> Placement:
    """Where neck and shoulders stand: a fraction of the head's turn, all of its shift and scale."""
    angles = (share * angle for share, angle in zip(BODY_SHARE, state[:3], strict=True))
    return _about(BODY_PIVOT, rotation(*angles), state)


def place_occluder(state: HeadState) -> Placement:
    """Where the occluder is: it turns and moves in a plane before the head."""
    offset = np.array([state.occluder_x, state.occluder_y, OCCLUDER_DEPTH])
    return Placement(rotation(0.0, 0.0, state.occluder_turn), offset)


def _about(pivot: np.ndarray, turn: np.ndarray, state: HeadState) -> Placement:
    shift = np.array([state.x, state.y, 0.0])
    return Placement(state.scale * turn, state.scale * (pivot - turn @ pivot) + shift)
