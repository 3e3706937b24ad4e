"""Dense motion: from sparse keypoints to one flow for every pixel, and where the source is of no use."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import GroupBlock
from thf_jax.nn.hourglass import Hourglass
from thf_jax.nn.layers import Conv, torch_uniform
from thf_jax.ops.filtering import shrink
from thf_jax.ops.keypoints import gaussian_heatmaps
from thf_jax.ops.motion import blend_flows, local_affine_flows, relative_jacobian, unswapped
from thf_jax.ops.sampling import resize_map, sample
from thf_jax.types import Keypoints, Warp


def heatmap_difference(
    source: Keypoints, driving: Keypoints, shape: tuple[int, int], *, variance: float
) -> Float[Array, "h w k"]:
    """For one example, each keypoint's heat-map in the driving frame less that in the source.

    Args:
        variance: of the heat-maps where the keypoints have no covariance of their own.
    """
    there, here = (
        gaussian_heatmaps(one.position, shape, variance=variance, covariance=one.covariance)
        for one in (driving, source)
    )
    return there - here


def _background_first(value: float) -> Callable[..., Array]:
    return lambda key, shape, dtype=jnp.float32: jnp.zeros(shape, dtype).at[0].set(value)


class DenseMotion(nn.Module):
    """The warp that carries a source image to the pose of the driving keypoints (FOMM, section 3.1).

    Args:
        width, depth, most: of the hourglass.
        scale: the flow is computed at this fraction of the image's size.
        antialias: whether the image is blurred before it is made smaller, see `KeypointDetector`.
        variance: of the heat-maps around keypoints without a covariance, in squared coordinate units.
        heatmap_gain: the heat-maps are multiplied by it (Monkey-Net: 1 / 100).
        group_blocks: blocks before the hourglass that see each motion's channels alone (Monkey-Net).
        head: side of the last convolutions.
        background_bias: where not None, the head of the masks starts with a kernel of 0 and this bias for the
            background, the other motions' being 0, so that training begins with everything standing still (Monkey-Net).
        correction: whether a free displacement is added to the flow (Monkey-Net).
        axis_swap: whether keypoints' axes are known up to their sign, see `ops.motion.unswapped` (MRAA).
        visibility: whether to predict where the source can be seen; off, everything counts as visible.
        align_corners: how `ops.sampling.sample` reads the grid.
    """

    width: int = 64
    depth: int = 5
    most: int = 1024
    scale: float = 0.25
    antialias: bool = True
    variance: float = 0.01
    heatmap_gain: float = 1.0
    group_blocks: int = 0
    head: int = 7
    background_bias: float | None = None
    correction: bool = False
    axis_swap: bool = False
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
        for index in range(self.group_blocks):
            channels = GroupBlock(groups=flows.shape[1], name=f"group{index}")(channels, train=train)
        features = Hourglass(self.width, self.depth, self.most, name="hourglass")(channels, train=train)
        logits, correction, visibility = self._maps(features, flows.shape[1])
        masks = nn.softmax(logits, axis=-1)
        grid = jax.vmap(blend_flows)(flows, masks)
        grid = grid if correction is None else grid + correction
        deformed = jax.vmap(self._deform)(image, grid)
        return Warp(grid=grid, visibility=visibility, masks=masks, candidates=candidates, deformed=deformed)

    def _maps(self, features: Array, motions: int) -> tuple[Array, Array | None, Array | None]:
        """The masks' logits, the flow's correction, which has no weights of its own, and the visibility."""
        still = self.background_bias is not None
        masks = Conv(
            motions + 2 * self.correction,
            self.head,
            kernel_init=nn.initializers.zeros if still else torch_uniform,
            bias_init=_background_first(self.background_bias) if self.background_bias is not None else None,
            precise_result=True,
            name="masks",
        )
        visibility = None
        if self.visibility:
            together, logits = masks.beside(Conv(1, self.head, precise_result=True, name="visibility"), features)
            visibility = nn.sigmoid(logits)
        else:
            together = masks(features)
        return together[..., :motions], together[..., motions:] if self.correction else None, visibility

    def _candidates(self, image: Array, source: Keypoints, driving: Keypoints) -> tuple[Array, Array, Array]:
        """For one example: every motion's flow [n h w 2], the source so moved [n h w 3], and its heat-map [n h w 1]."""
        small = shrink(image, self.scale, antialias=self.antialias)
        shape = (small.shape[0], small.shape[1])
        jacobian = relative_jacobian(source.jacobian, driving.jacobian)
        if jacobian is not None and self.axis_swap:
            jacobian = unswapped(jacobian)
        flows = local_affine_flows(source.position, driving.position, jacobian, shape, background=driving.background)
        moved = jax.vmap(lambda flow: sample(small, flow, align_corners=self.align_corners))(flows)
        difference = self.heatmap_gain * heatmap_difference(source, driving, shape, variance=self.variance)
        background = jnp.zeros((*shape, 1), difference.dtype)
        heatmaps = jnp.concatenate([background, difference], axis=-1)
        return flows, moved, jnp.moveaxis(heatmaps, -1, 0)[..., None]

    def _deform(self, image: Array, grid: Array) -> Array:
        return sample(image, resize_map(grid, image.shape[:2]), align_corners=self.align_corners)
