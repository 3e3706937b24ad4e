"""VGG's features, as perceptual losses take them (Simonyan and Zisserman 2015; Johnson et al. 2016)."""

from collections.abc import Collection

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError
from thf_jax.nn.layers import Conv

VGG19_STAGES = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))
"""Convolutions up to relu5_1; between two stages stands a 2 x 2 maximum. The tap is the first ReLU of each stage."""
VGG11_STAGES = ((64,), (128,), (256, 256), (512, 512), (512,))
"""The same of the network of 11 layers, up to its seventh convolution."""
FACE_TAPS = (1, 2, 3, 4, 6)
"""Of which convolutions X2Face's identity losses see the ReLU, counted from 0: the second to fifth, and the seventh."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def max_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h//2 w//2 c"]:
    """The largest of each 2 x 2 square; by slices, whose gradient is several times faster than a window's on a CPU."""
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    rows = jnp.maximum(x[:, ::2], x[:, 1::2])
    return jnp.maximum(rows[:, :, ::2], rows[:, :, 1::2])


class VGG19(nn.Module):
    """Features after relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of images in [0, 1]; the first `taps` of them.

    Convolutions are named conv0, conv1, ... in order, as `thf_jax.interop.vgg` fills them from torchvision's file.

    Raises:
        InputError: there are no such taps, or the image is too small for the last of them.
    """

    taps: int = 5

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> list[Float[Array, "b _h _w _c"]]:
        if not 1 <= self.taps <= len(VGG19_STAGES):
            raise InputError(f"VGG19 has 1 to {len(VGG19_STAGES)} taps, not {self.taps}")
        if min(image.shape[1:3]) < 2 ** (self.taps - 1):
            raise InputError(
                f"{self.taps} taps of VGG19 need images of at least {2 ** (self.taps - 1)} pixels, not "
                f"{image.shape[1]} x {image.shape[2]}; take fewer taps or leave out the smallest scales"
            )
        firsts = [sum(map(len, VGG19_STAGES[:stage])) for stage in range(self.taps)]
        return _features(image, VGG19_STAGES, firsts)


class FaceVGG(nn.Module):
    """Features of images in [0, 1] after five of the convolutions of a VGG of 11 layers, for X2Face's identity losses.

    Any network of that layout does: one trained to recognise faces, or torchvision's `vgg11`, see `interop.vgg`.

    Raises:
        InputError: the image is too small.
    """

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> list[Float[Array, "b _h _w _c"]]:
        smallest = 2 ** (len(VGG11_STAGES) - 1)
        if min(image.shape[1:3]) < smallest:
            raise InputError(
                f"the face network needs images of at least {smallest} pixels, not {image.shape[1]} x {image.shape[2]}"
            )
        return _features(image, VGG11_STAGES, FACE_TAPS)


def _features(image: Array, stages: tuple[tuple[int, ...], ...], taps: Collection[int]) -> list[Array]:
    """The features after the convolutions numbered `taps`; none after the last of them is made."""
    x = (image - jnp.array(IMAGENET_MEAN, image.dtype)) / jnp.array(IMAGENET_DEVIATION, image.dtype)
    features, number = [], 0
    for stage, widths in enumerate(stages):
        if stage > 0:
            x = max_pool(x)
        for width in widths:
            starts = {"kernel_init": nn.initializers.he_normal(), "bias_init": nn.initializers.zeros}
            x = nn.relu(Conv(width, 3, **starts, name=f"conv{number}")(x))
            if number in taps:
                features.append(x)
            if number == max(taps):
                return features
            number += 1
    return features
