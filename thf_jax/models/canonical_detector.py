"""The detector of canonical keypoints: where a face's parts would be in 3-D if it looked straight ahead and at rest."""

import jax
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.nn.blocks import DownBlock, UpBlock, widths
from thf_jax.nn.layers import Conv
from thf_jax.nn.volume import to_volume
from thf_jax.ops.filtering import downsample
from thf_jax.ops.keypoints import expected_position, heatmaps_from_logits


class CanonicalDetector(nn.Module):
    """Canonical keypoints [b k 3] of pictures [b h w 3], by soft-argmax over volumes (Wang et al. 2021, section 3.1).

    A map is halved `depth` times, its channels become a volume, and that is enlarged `depth` times; nothing is handed
    across.

    Args:
        count: the number of keypoints.
        width, depth, most: block i of the encoder has min(most, width * 2^(i+1)) channels, the last of the decoder
            `width`.
        volume_depth: slices of the volume.
        scale: the picture is down-sampled by it first.
        temperature: of the softmax over each volume.
    """

    count: int = 15
    width: int = 32
    depth: int = 5
    most: int = 1024
    volume_depth: int = 16
    scale: float = 0.25
    temperature: float = 0.1

    @nn.compact
    def __call__(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> Float[Array, "b k 3"]:
        x = jax.vmap(lambda image: downsample(image, self.scale))(frame)
        encoder = widths(self.width, self.most, self.depth)
        for index, features in enumerate(encoder):
            x = DownBlock(features, name=f"down{index}")(x, train=train)
        x = to_volume(Conv(encoder[-1] * self.volume_depth, 1, name="lift")(x), self.volume_depth)
        for index, features in enumerate([*reversed(encoder[:-1]), self.width]):
            x = UpBlock(features, name=f"up{index}")(x, train=train)
        logits = Conv(self.count, 3, bias_cancels=True, precise_result=True, name="heatmaps")(x)
        heatmaps = jax.vmap(lambda one: heatmaps_from_logits(one, temperature=self.temperature))(logits)
        return jax.vmap(expected_position)(heatmaps)
