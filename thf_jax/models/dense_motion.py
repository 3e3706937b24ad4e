"""Dense motion: from sparse keypoints to one flow for every pixel, and where the source is of no use."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import Conv
from thf_jax.nn.hourglass import Hourglass
from thf_jax.ops.filtering import downsample
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.motion import blend_flows, local_affine_flows, relative_jacobian
from thf_jax.ops.sampling import resize_map, sample
from thf_jax.types import Keypoints, Warp


class DenseMotion(nn.Module):
    """The warp that carries a source image to the pose of the driving keypoints (FOMM, section 3.1).

    Args:
        width, depth, most: of the hourglass.
        scale: the flow is computed at this fraction of the image's size.
        variance: of the heat-maps around keypoints, in squared coordinate units.
        visibility: whether to predict where the source can be seen; off, everything counts as visible.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 64
    depth: int = 5
    most: int = 1024
    scale: float = 0.25
    variance: float = 0.01
    visibility: bool = True
    align_corners: bool = True

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], source: Keypoints, driving: Keypoints, *, train: bool = False
    ) -> Warp:
        flows, candidates, heatmaps = jax.vmap(self._candidates)(image, source, driving)
        # Per motion its heat-map and its warped image, motions varying slowest: [b h w 4n].
        channels = jnp.concatenate([heatmaps, candidates], axis=-1)
        channels = jnp.moveaxis(channels, 1, 3)
        channels = channels.reshape(*channels.shape[:3], -1)
        features = Hourglass(self.width, self.depth, self.most, name="hourglass")(channels, train=train)
        masks = nn.softmax(Conv(flows.shape[1], 7, name="masks")(features), axis=-1)
        visibility = nn.sigmoid(Conv(1, 7, name="visibility")(features)) if self.visibility else None
        grid = jax.vmap(blend_flows)(flows, masks)
        deformed = jax.vmap(self._deform)(image, grid)
        return Warp(grid=grid, visibility=visibility, masks=masks, candidates=candidates, deformed=deformed)

    def _candidates(self, image: Array, source: Keypoints, driving: Keypoints) -> tuple[Array, Array, Array]:
        """For one example: every motion's flow [n h w 2], the source so moved [n h w 3], and its heat-map [n h w 1]."""
        small = downsample(image, self.scale)
        shape = (small.shape[0], small.shape[1])
        jacobian = relative_jacobian(source.jacobian, driving.jacobian)
        flows = local_affine_flows(source.position, driving.position, jacobian, shape)
        moved = jax.vmap(lambda flow: sample(small, flow, align_corners=self.align_corners))(flows)
        difference = gaussian_heatmaps(driving.position, shape, variance=self.variance)
        difference -= gaussian_heatmaps(source.position, shape, variance=self.variance)
        background = jnp.zeros((*shape, 1), difference.dtype)
        heatmaps = jnp.concatenate([background, difference], axis=-1)
        return flows, moved, jnp.moveaxis(heatmaps, -1, 0)[..., None]

    def _deform(self, image: Array, grid: Array) -> Array:
        return sample(image, resize_map(grid, image.shape[:2]), align_corners=self.align_corners)
