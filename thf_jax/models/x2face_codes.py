"""Head pose and sound as drivers of X2Face: linear maps from and to its driving code (section 3.3 of the paper).

Both maps change a code by a difference, in which every offset cancels: of the published layer from pose to code, which
ends with batch norm, the linear part is all that counts.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.types import DrivingCode


def _product(matrix: Float[Array, "n m"], vectors: Float[Array, "*b m"]) -> Float[Array, "*b n"]:
    return jnp.matmul(vectors, matrix.T, precision=jax.lax.Precision.HIGHEST)


class PoseCodes(NamedTuple):
    """Head pose from a raw code, p(v) = W v + b, and the change of a code with the pose, B(p) - B(q) = M (p - q)."""

    pose_from_code: Float[Array, "3 c"]
    pose_offset: Float[Array, " 3"]
    code_from_pose: Float[Array, "c 3"]

    def pose(self, motion: DrivingCode) -> Float[Array, "*b 3"]:
        """The pose that the code says: roll, pitch and yaw in radians, as the published layers have them."""
        return _product(self.pose_from_code, motion.code) + self.pose_offset

    def turned(self, motion: DrivingCode, pose: Float[Array, "*b 3"]) -> DrivingCode:
        """The code with its pose replaced by another one: v' = v - B(p(v)) + B(pose)."""
        return DrivingCode(motion.code + _product(self.code_from_pose, pose - self.pose(motion)))


class AudioCodes(NamedTuple):
    """The change of a code with a feature of the sound, a(f) - a(g) = A (f - g)."""

    code_from_feature: Float[Array, "c f"]

    def spoken(
        self,
        motion: DrivingCode,
        feature: Float[Array, "*#b f"],
        initial: Float[Array, "*#b f"],
        *,
        pose: PoseCodes | None = None,
    ) -> DrivingCode:
        """The code of a source, changed as the sound changes; with `pose` the head keeps its pose.

        v = max(code, 0), u = v + a(feature) - a(initial), and v' = u + B(p(v)) - B(p(u)).

        Args:
            motion: the source's own code.
            feature, initial: of the sound now, and when the mouth was as in the source.
            pose: without it the result is u.
        """
        rest = jnp.maximum(motion.code, 0)
        changed = DrivingCode(rest + _product(self.code_from_feature, feature - initial))
        return changed if pose is None else pose.turned(changed, pose.pose(DrivingCode(rest)))
