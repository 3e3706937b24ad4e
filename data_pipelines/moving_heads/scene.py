"""Who is in the picture: the solids, the face and the colours of one identity, drawn from a seed."""

import enum
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Colour = Float[np.ndarray, "3"]


class Part(enum.IntEnum):
    """The solids that a viewing ray can meet; NOTHING is the background."""

    NOTHING = 0
    CRANIUM = 1
    JAW = 2
    NOSE = 3
    BRIDGE = 4
    EAR_LEFT = 5
    EAR_RIGHT = 6
    CAP = 7  # the hair on the head: a shell, open in front of the face
    LOCKS = 8  # the hair that falls behind the head
    NECK = 9
    TORSO = 10


SKIN_OF_HEAD = (Part.CRANIUM, Part.JAW, Part.NOSE, Part.BRIDGE, Part.EAR_LEFT, Part.EAR_RIGHT)
BODY = (Part.NECK, Part.TORSO)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid with axes along x, y and z of its body part, upright and looking at the viewer."""

    centre: Float[np.ndarray, "3"]
    radii: Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Face:
    """Where the features of a face lie at rest, in (x, y) of the head seen from the front."""

    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    eye_slant: float
    iris: float  # radius
    brow_y: float
    brow_arch: float
    brow_thickness: float
    mouth_y: float
    mouth_width: float
    mouth_curve: float
    lip_upper: float  # heights of the lips
    lip_lower: float


@dataclass(frozen=True)
class Hair:
    """The cut of the hair: where the shell is open, and its strands."""

    hairline_y: float
    opening: float  # half the width of the opening in front of the face
    parting: float  # slope of the hairline: a fringe to one side
    wave: float  # depth of the fringe's waves
    nape_y: float  # where the shell ends at the bottom
    strands: float  # how many strands run around the crown


@dataclass(frozen=True)
class Looks:
    """Colours in [0, 1] and what is painted: nothing here changes the shape."""

    skin: Colour
    lips: Colour
    iris: Colour
    hair: Colour
    brow: Colour
    clothes: Colour
    trim: Colour
    beard: float  # 0 none .. 1 full
    moustache: float
    blush: float
    freckles: float
    neckline: float  # depth of the collar's opening
    stripes: float  # stripes a unit on the clothes, 0 for plain ones
    light: Float[np.ndarray, "3"]  # unit vector towards the light, fixed to the head so that colours move with the skin


@dataclass(frozen=True)
class Background:
    """A wall: a gradient from top to bottom and a soft pattern over it."""

    top: Colour
    bottom: Colour
    pattern: str  # "spots", "stripes", "waves" or "plain"
    strength: float
    frequency: float
    angle: float
    phase: Float[np.ndarray, "2"]


@dataclass(frozen=True)
class Scene:
    """One identity in front of one background; `solids` holds the parts that it has."""

    solids: dict[Part, Ellipsoid]
    face: Face
    hair: Hair
    looks: Looks
    background: Background

    def limits(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """The corners of the box in (x, y) of the head, seen from the front, inside which the face can move."""
        half_width = 0.74 * float(self.solids[Part.CRANIUM].radii[0])
        return np.array([-half_width, self.face.brow_y - 0.17]), np.array([half_width, self.face.mouth_y + 0.20])
