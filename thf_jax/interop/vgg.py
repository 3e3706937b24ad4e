"""Torchvision's VGG weights for the perceptual and the identity losses."""

import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from thf_jax.errors import InputError
from thf_jax.interop.networks import flatten
from thf_jax.interop.state_dict import convert, to_device
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.nn.vgg import VGG19, FaceVGG

VGG19_LAYERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
"""Where torchvision's list `features` has the convolutions up to relu5_1; between them stand ReLUs and maxima."""
VGG11_LAYERS = (0, 3, 6, 8, 11, 13, 16)
"""The same of its network of 11 layers, up to the seventh convolution."""


def load_vgg19(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The variables of `nn.vgg.VGG19` from torchvision's file `vgg19-*.pth`: `{"params": {"conv0": ...}}`.

    The layers after relu5_1 and the classifier are left out; a file without them does as well.

    Raises:
        InputError: the file cannot be read or is not VGG19's.
    """
    return _load(path, VGG19(), VGG19_LAYERS, "VGG19")


def load_face_vgg(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The variables of `nn.vgg.FaceVGG` from a file laid out like torchvision's `vgg11-*.pth`.

    Raises:
        InputError: the file cannot be read or is not of that layout.
    """
    return _load(path, FaceVGG(), VGG11_LAYERS, "VGG11")


def _load(path: str | os.PathLike[str], module: nn.Module, layers: Sequence[int], name: str) -> dict[str, Any]:
    flat = flatten(read_checkpoint(path))
    if not any(key.startswith("features.") for key in flat):
        raise InputError(f"{path} holds no {name}: torchvision's file has tensors named features.0.weight and so on")
    used = {f"features.{layer}.{end}" for layer in layers for end in ("weight", "bias")}
    image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x), image)
    rules = [(f"conv{index}", f"features.{layer}") for index, layer in enumerate(layers)]
    return to_device(convert({key: flat[key] for key in used & set(flat)}, shapes, rules, title=str(path)))
