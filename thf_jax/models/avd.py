"""Animation via disentanglement: the shape of one person in the pose of another."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array

from thf_jax.errors import InputError
from thf_jax.nn.perceptron import Perceptron
from thf_jax.ops.linalg2 import inverse, product
from thf_jax.types import Keypoints


class AVD(nn.Module):
    """Animation via disentanglement: regions with the shape of one person and the pose of another (MRAA, section 3.4).

    Args:
        identity, pose: numbers that shape and pose are each squeezed into.
        axis_swap: whether the regions' axes are known up to their sign, see `ops.motion.unswapped`.
    """

    identity: int = 64
    pose: int = 64
    axis_swap: bool = True

    @nn.compact
    def __call__(self, identity: Keypoints, pose: Keypoints, *, train: bool = False) -> Keypoints:
        if identity.jacobian is None or pose.jacobian is None:
            raise InputError("animation via disentanglement needs regions with Jacobians")
        shape = identity.jacobian
        if self.axis_swap:
            turned = product(shape, inverse(pose.jacobian))[..., :1, :1] < 0
            shape = jnp.where(turned, -shape, shape)
        batch, count = pose.position.shape[:2]
        encoded = [
            Perceptron((256, 512, 1024), size, normalized=True, bias_cancels=True, name=name)(
                _as_rows(position, jacobian), train=train
            )
            for name, size, position, jacobian in (
                ("pose_encoder", self.pose, pose.position, pose.jacobian),
                ("identity_encoder", self.identity, identity.position, shape),
            )
        ]
        decoder = Perceptron((1024, 512, 256), 6 * count, normalized=True, name="decoder")
        regions = decoder(jnp.concatenate(encoded, -1), train=train).reshape(batch, count, 6)
        jacobian = regions[..., 2:].reshape(batch, count, 2, 2)
        return Keypoints(regions[..., :2], jacobian, product(jacobian, jacobian.mT))


def _as_rows(position: Array, jacobian: Array) -> Array:
    """[b 6k]: of each region the shift, then its affine transformation row by row."""
    rows = jnp.concatenate([position, jacobian.reshape(*jacobian.shape[:2], 4)], axis=-1)
    return rows.reshape(rows.shape[0], -1)
