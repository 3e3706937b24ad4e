"""The linear maps between X2Face's code and head pose or sound, fitted on clips in closed form."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thf_jax.models.x2face_codes import AudioCodes, PoseCodes
from thf_jax.ops.regression import ridge

Rows = Sequence[Float[np.ndarray, "_t _n"]]
"""An array a clip, a row a frame."""


def fit_pose_codes(codes: Rows, poses: Rows, *, strength: float) -> PoseCodes:
    """The maps between raw codes and poses.

    The pose is regressed on the code over all frames. The other way only changes count, so each clip's mean is taken
    from its poses and codes before the code is regressed on the pose: how people differ does not pass for pose.

    Args:
        codes, poses: of each frame: the raw code, and roll, pitch and yaw in radians.
        strength: of the ridge penalty, see `ridge`.
    """
    weight, offset = ridge(np.concatenate(codes), np.concatenate(poses), strength=strength)
    back, _ = ridge(np.concatenate(_centred(poses)), np.concatenate(_centred(codes)), strength=strength)
    return PoseCodes(*(jnp.asarray(x, jnp.float32) for x in (weight, offset, back)))


def fit_audio_codes(codes: Rows, features: Rows, *, strength: float) -> AudioCodes:
    """The map from changes of the sound to changes of max(code, 0), each clip's mean taken away as for poses."""
    rectified = [np.maximum(rows, 0) for rows in codes]
    weight, _ = ridge(np.concatenate(_centred(features)), np.concatenate(_centred(rectified)), strength=strength)
    return AudioCodes(jnp.asarray(weight, jnp.float32))


def explained(inputs: Rows, targets: Rows, predicted: Callable[[np.ndarray], np.ndarray]) -> float:
    """The share of the targets' variance within clips that predictions account for; 1 is perfect, 0 no use."""
    goal = np.concatenate(_centred(targets))
    found = np.concatenate(_centred([predicted(rows) for rows in inputs]))
    total = np.square(goal).sum()
    return float(1 - np.square(goal - found).sum() / total) if total > 0 else 0.0


def _centred(rows: Rows) -> list[np.ndarray]:
    return [clip - clip.mean(axis=0) for clip in rows]
