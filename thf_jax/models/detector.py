"""The keypoint detector: where the moving parts are, and how each is stretched and turned."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.blocks import Conv
from thf_jax.nn.hourglass import Hourglass
from thf_jax.ops.filtering import downsample
from thf_jax.ops.keypoints import expected_position, expected_values, heatmaps_from_logits
from thf_jax.types import Keypoints


def _identity_jacobians(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
    return jnp.tile(jnp.array([1, 0, 0, 1], dtype), shape[0] // 4)


class KeypointDetector(nn.Module):
    """Keypoints of frames [b h w 3] by soft-argmax over an hourglass's heat-maps (FOMM, section 3.1).

    Args:
        count: the number of keypoints.
        width, depth, most: of the hourglass.
        scale: the frame is down-sampled by it first.
        temperature: of the softmax over each heat-map.
        jacobians: `each` (one map a keypoint), `shared` (one for all) or None (zeroth order, no Jacobian at all).
        padding: of the 7 x 7 heads. With 0 the heat-map is 6 pixels smaller than the features, and spans [-1, 1] all
            the same.

    Raises:
        InputError: `jacobians` is something else.
    """

    count: int = 10
    width: int = 32
    depth: int = 5
    most: int = 1024
    scale: float = 0.25
    temperature: float = 0.1
    jacobians: str | None = "each"
    padding: int = 0

    @nn.compact
    def __call__(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> Keypoints:
        small = jax.vmap(lambda image: downsample(image, self.scale))(frame)
        features = Hourglass(self.width, self.depth, self.most, name="hourglass")(small, train=train)
        logits = Conv(self.count, 7, self.padding, bias_cancels=True, name="heatmaps")(features)
        heatmaps = jax.vmap(lambda x: heatmaps_from_logits(x, temperature=self.temperature))(logits)
        position = jax.vmap(expected_position)(heatmaps)
        if self.jacobians is None:
            return Keypoints(position)
        if self.jacobians not in ("each", "shared"):
            raise InputError(f"a detector's jacobians are 'each', 'shared' or None, not {self.jacobians!r}")
        channels = 4 * (self.count if self.jacobians == "each" else 1)
        head = Conv(
            channels,
            7,
            self.padding,
            kernel_init=nn.initializers.zeros,
            bias_init=_identity_jacobians,
            name="jacobians",
        )
        maps = head(features)
        if self.jacobians == "shared":
            maps = jnp.tile(maps, self.count)
        values = jax.vmap(expected_values)(heatmaps, maps)
        return Keypoints(position, values.reshape(*position.shape, 2))
