"""Dense motion in 3-D: from sparse keypoints to one flow for every point of a volume of features."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import SameBlock
from thf_jax.nn.hourglass import Hourglass
from thf_jax.nn.layers import BatchNorm, Conv
from thf_jax.nn.volume import to_map
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.motion import blend_flows, local_affine_flows
from thf_jax.ops.sampling import sample
from thf_jax.types import VolumeWarp


class DenseMotion3D(nn.Module):
    """The warp that carries a volume of source features to the driving keypoints (Wang et al. 2021, section 3.2).

    Args:
        width, depth, most: of the hourglass.
        compressed: channels of the volume that each motion moves on its own.
        variance: of the heat-maps around keypoints, in squared coordinate units.
        head: side of the last convolutions, that of the masks in all three dimensions.
        visibility: whether to predict where the source can be seen; off, everything counts as visible.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 32
    depth: int = 5
    most: int = 1024
    compressed: int = 4
    variance: float = 0.01
    head: int = 7
    visibility: bool = True
    align_corners: bool = False

    @nn.compact
    def __call__(
        self,
        volume: Float[Array, "b z h w c"],
        source: Float[Array, "b k 3"],
        driving: Float[Array, "b k 3"],
        *,
        train: bool = False,
    ) -> VolumeWarp:
        small = Conv(self.compressed, 1, bias_cancels=train, name="compress")(volume)
        small = nn.relu(BatchNorm(name="norm")(small, train=train))
        flows, channels = jax.vmap(self._candidates)(small, source, driving)
        features = Hourglass(self.width, self.depth, self.most, name="hourglass")(channels, train=train)
        features = SameBlock(features.shape[-1], 3, name="last")(features, train=train)
        masks = nn.softmax(Conv(flows.shape[1], self.head, precise_result=True, name="masks")(features), axis=-1)
        visibility = None
        if self.visibility:
            visibility = nn.sigmoid(Conv(1, self.head, precise_result=True, name="visibility")(to_map(features)))
        return VolumeWarp(grid=jax.vmap(blend_flows)(flows, masks), visibility=visibility, masks=masks)

    def _candidates(self, small: Array, source: Array, driving: Array) -> tuple[Array, Array]:
        """For one example: the flows [n z h w 3], and for each its heat-map and the volume so moved [z h w n(1+c)]."""
        shape = small.shape[:-1]
        flows = local_affine_flows(source, driving, None, shape)
        moved = jax.vmap(lambda flow: sample(small, flow, align_corners=self.align_corners), out_axes=-2)(flows)
        difference = gaussian_heatmaps(driving, shape, variance=self.variance)
        difference -= gaussian_heatmaps(source, shape, variance=self.variance)
        background = jnp.zeros((*shape, 1), difference.dtype)
        heatmaps = jnp.concatenate([background, difference], axis=-1)
        channels = jnp.concatenate([heatmaps[..., None].astype(moved.dtype), moved], axis=-1)
        return flows, channels.reshape(*shape, -1)
