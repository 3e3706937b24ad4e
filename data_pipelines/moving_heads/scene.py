"""Who is in the picture: the solids, the face and the colours of one identity, drawn from a seed."""

import enum
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Colour = Float[np.ndarray, "3"]
Values = Float[np.ndarray, "n"]


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
    LINING = 9  # the inner wall of that shell
    NECK = 10
    TORSO = 11
    SLEEVE = 12  # a hand before the face, with its forearm
    PALM = 13
    FINGER_1 = 14
    FINGER_2 = 15
    FINGER_3 = 16
    FINGER_4 = 17
    THUMB = 18
    HANDLE = 19  # a microphone before the face
    GRILLE = 20


# What moves together: consecutive numbers.
HEAD = tuple(part for part in Part if Part.CRANIUM <= part <= Part.LINING)
BODY = (Part.NECK, Part.TORSO)
OCCLUDERS = tuple(part for part in Part if part >= Part.SLEEVE)
SKIN_OF_HEAD = (Part.CRANIUM, Part.JAW, Part.NOSE, Part.BRIDGE, Part.EAR_LEFT, Part.EAR_RIGHT)


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
    brow_length: float  # half of it
    brow_arch: float
    brow_thickness: float
    mouth_y: float
    mouth_width: float
    mouth_curve: float
    lip_upper: float  # heights of the lips
    lip_lower: float

    def lip_line(self, x: Values) -> Values:
        """The height at which the closed lips meet."""
        across = x / self.mouth_width
        return self.mouth_y - self.mouth_curve * np.minimum(across**2, 2.0)

    def upper_lip_height(self, x: Values) -> Values:
        """How high the upper lip reaches above the lip line, with the dent in its middle."""
        across = x / self.mouth_width
        bow = np.sqrt(np.maximum(1 - across**2, 0))
        return self.lip_upper * bow * (1 - 0.35 * np.exp(-((across / 0.16) ** 2)))

    def brow_line(self, along: Values) -> Values:
        """The height of the middle of a brow, from -1 at its inner end to 1 at its outer one."""
        return self.brow_y + 0.01 - self.brow_arch * (1 - (along - 0.15) ** 2)

    @property
    def iris_y(self) -> float:
        """The height of the irises when the eyes look straight ahead."""
        return self.eye_y - 0.12 * self.eye_height

    def eye_outline(self, x: Values, *, sign: float) -> tuple[Values, Values]:
        """Top and bottom of the left (`sign` -1) or right (1) eye; beside the eye they are the same."""
        across = np.minimum(np.maximum((sign * x - self.eye_x) / self.eye_width, -1), 1)
        bow = self.eye_height * (1 - across**2)
        middle = self.eye_y - 0.5 * self.eye_slant * self.eye_width * across
        return middle - bow * (1 + 0.15 * across), middle + 0.62 * bow


@dataclass(frozen=True)
class Hair:
    """The cut of the hair: where the shell is open, and its strands."""

    hairline_y: float
    opening: float  # half the width of the opening in front of the face
    parting: float  # slope of the hairline: a fringe to one side
    wave: float  # depth of the fringe's waves
    sideburn_y: float  # where the shell ends in front of the ears
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
    angle: float  # radians
    phase: tuple[float, float]


@dataclass(frozen=True)
class OccluderLooks:
    """The colours of what passes before the face: of a hand and its sleeve, or of a microphone and its handle."""

    top: Colour
    grip: Colour


@dataclass(frozen=True)
class Scene:
    """One identity in front of one background; `solids` holds the parts that it has."""

    solids: dict[Part, Ellipsoid]
    face: Face
    hair: Hair
    looks: Looks
    background: Background
    occluder: OccluderLooks | None = None  # set where `solids` has the parts of an occluder

    def limits(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        """The corners of the box in (x, y) of the head, seen from the front, inside which the face can move."""
        half_width = 0.74 * float(self.solids[Part.CRANIUM].radii[0])
        return np.array([-half_width, self.face.brow_y - 0.17]), np.array([half_width, self.face.mouth_y + 0.24])
