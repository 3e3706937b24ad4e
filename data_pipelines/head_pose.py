"""Head pose from 68 landmarks: the pose in which a mean face, seen by a camera, fits them best (PnP)."""

import numpy as np
import scipy.optimize
from jaxtyping import Float

from data_pipelines.moving_heads.state import rotation

# Where the points of an adult's face lie that neither speech nor a smile moves, in millimetres from the nose's tip:
# x to the right of the picture, y down, z towards the viewer, in a face that looks straight at the viewer. Round
# numbers of a face of common proportions, as the 68 landmarks place its points: 86 mm between the outer corners of the
# eyes. The zero of the pitch is what this face calls straight. (Mouth corners in it turn a smile into 12 degrees.)
MEAN_FACE = {
    27: (0.0, -37.0, -19.0),  # bridge of the nose
    30: (0.0, 0.0, 0.0),  # tip of the nose
    33: (0.0, 12.0, -12.0),  # below the nose
    31: (-13.0, 9.0, -19.0),  # wings of the nose
    35: (13.0, 9.0, -19.0),
    36: (-43.0, -32.0, -41.0),  # outer corners of the eyes
    45: (43.0, -32.0, -41.0),
    39: (-18.0, -31.0, -33.0),  # inner corners of the eyes
    42: (18.0, -31.0, -33.0),
}
# The camera's focal length where the frame reaches from -1 to 1: that of a head that fills the frame from a metre away.
FOCAL_LENGTH = 8.0

FIRM = np.array(list(MEAN_FACE))
POINTS = np.array(list(MEAN_FACE.values()))


def head_pose(landmarks: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "3"]:
    """Yaw, pitch and roll in degrees, with the order and signs of `moving_heads.state.rotation`.

    The pose is the one whose picture of `MEAN_FACE` has the least squared distance to the landmarks, as OpenCV's
    iterative solvePnP has it; the camera looks at the centre of the frame from `FOCAL_LENGTH`.

    Args:
        landmarks: the 68 of iBUG's 300-W, (x, y) in [-1, 1] with the ends at pixel centres of a square frame; NaN
            gives NaN.
    """
    seen = np.asarray(landmarks, np.float64)[FIRM]
    if not np.isfinite(seen).all():
        return np.full(3, np.nan)
    distance = FOCAL_LENGTH * POINTS[:, :2].std() / seen.std(0).mean()
    x, y = seen.mean(0) * distance / FOCAL_LENGTH
    found = scipy.optimize.least_squares(_misfit, [0, 0, 0, x, y, distance], args=(seen,), method="lm", x_scale="jac")
    return found.x[:3]


def picture_of_face(
    yaw: float, pitch: float, roll: float, *, shift: tuple[float, float] = (0.0, 0.0), distance: float = 1000.0
) -> Float[np.ndarray, "n 2"]:
    """Where the points of `MEAN_FACE` are in the picture: turned by degrees, shifted and put away by millimetres."""
    turned = POINTS @ rotation(yaw, pitch, roll).T
    return FOCAL_LENGTH * (turned[:, :2] + shift) / (distance - turned[:, 2:])


def _misfit(parameters: Float[np.ndarray, "6"], seen: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m"]:
    yaw, pitch, roll, x, y, distance = parameters
    return (picture_of_face(yaw, pitch, roll, shift=(x, y), distance=distance) - seen).ravel()
