"""The features of a face: brows, lips, eyes, lids and the inside of the mouth, as smooth shapes on the skin."""

import numpy as np
from jaxtyping import Float

from data_pipelines.moving_heads.cast import Points
from data_pipelines.moving_heads.scene import Colour, Face, Looks, Scene, Values

Colours = Float[np.ndarray, "n 3"]


def mix(base: Colours, over: Colour, amount: Values) -> Colours:
    """`base` with the colour `over` laid on it, `amount` in [0, 1] of it."""
    return base + np.minimum(np.maximum(amount, 0), 1)[:, None] * (np.asarray(over, base.dtype) - base)


def ramp(inside: Values, softness: float) -> Values:
    """0 outside and 1 inside a shape, from a distance that is positive inside: a smooth step of width 2 `softness`."""
    t = np.minimum(np.maximum(inside / (2 * softness) + 0.5, 0), 1)
    return t * t * (3 - 2 * t)


def blob(x: Values, y: Values, radius: float) -> Values:
    """A Gaussian bump."""
    return np.exp(-(x * x + y * y) / (radius * radius))


def paint_face(face: Face, looks: Looks, points: Points, skin: Colours) -> Colours:
    """Shaded skin with sockets, brows and lips painted over it."""
    x, y = points[:, 0], points[:, 1]
    aside = np.abs(x) - face.eye_x
    socket = np.exp(-((aside / 0.12) ** 2 + ((y - face.eye_y + 0.015) / 0.075) ** 2))
    skin = mix(skin, looks.skin * (0.62, 0.50, 0.48), 0.30 * socket)
    along = aside / face.brow_length
    thick = face.brow_thickness * np.clip(1.1 - 0.45 * along, 0, 1.4) * ramp(1 - np.abs(along), 0.10)
    skin = mix(skin, looks.brow, 0.92 * ramp(thick - np.abs(y - face.brow_line(along)), 0.007) * (np.abs(along) < 1.1))
    across = x / face.mouth_width
    above = face.lip_line(x) - y  # positive on the upper lip
    bow = np.sqrt(np.maximum(1 - across**2, 0))
    inside = np.where(above > 0, face.upper_lip_height(x) - above, face.lip_lower * bow + above)
    lip = ramp(inside, 0.006) * ramp(1 - np.abs(across), 0.03)
    gloss = np.exp(-(((above + 0.5 * face.lip_lower) / 0.012) ** 2) - (across / 0.5) ** 2)
    tone = 1 - 0.14 * ramp(above, 0.002) + 0.22 * gloss  # the upper lip lies in the shade
    skin = skin + lip[:, None] * (looks.lips.astype(x.dtype) * tone[:, None] - skin)
    crease = np.exp(-((above / 0.006) ** 2)) * ramp(1.06 - np.abs(across), 0.06)
    under = np.exp(-(((above + face.lip_lower + 0.03) / 0.022) ** 2) - (across / 0.55) ** 2)
    return mix(mix(skin, looks.lips * 0.35, 0.85 * crease), looks.skin * 0.6, 0.25 * under)


def paint_mouth(scene: Scene, points: Points) -> Colours:
    """The inside of a mouth: upper teeth, darkness, tongue."""
    face, (x, y) = scene.face, points[:, :2].T
    across, below = x / face.mouth_width, y - face.mouth_y
    dark = np.broadcast_to(np.array((0.20, 0.05, 0.06), x.dtype), points.shape)
    tongue = mix(dark, np.array((0.70, 0.30, 0.31)), ramp(0.055 - np.hypot(0.55 * x, below - 0.105), 0.02))
    teeth = ramp(0.026 - 0.02 * across**2 - below, 0.006) * ramp(0.85 - np.abs(across), 0.06)
    return mix(tongue, np.array((0.95, 0.93, 0.89)), teeth)


def paint_eye(scene: Scene, points: Points) -> Colours:
    """An eyeball: the white, the iris with its dark rim, pupil and a glint."""
    radius, colour, (x, y) = scene.face.iris, scene.looks.iris, points[:, :2].T
    distance = np.hypot(x, y)
    eye = np.broadcast_to(np.array((0.95, 0.94, 0.93), x.dtype), points.shape)
    for share, tint in ((1.0, 0.45 * colour), (0.80, colour), (0.46, np.array((0.04, 0.03, 0.03)))):
        eye = mix(eye, tint, ramp(share * radius - distance, 0.006))
    return mix(eye, np.ones(3), 0.95 * ramp(0.011 - np.hypot(x - 0.3 * radius, y + 0.35 * radius), 0.005))


def paint_lid(scene: Scene, points: Points) -> Colours:
    """An upper lid, with the lashes along its edge."""
    looks, height = scene.looks, points[:, 1]
    lid = np.broadcast_to((looks.skin * (0.86, 0.78, 0.76)).astype(height.dtype), points.shape)
    return mix(lid, 0.35 * looks.brow, ramp(0.011 - height, 0.004))
