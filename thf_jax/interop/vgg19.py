"""Torchvision's VGG19 weights for the perceptual loss."""

import os
from typing import Any

import jax
import jax.numpy as jnp

from thf_jax.errors import InputError
from thf_jax.interop.networks import flatten
from thf_jax.interop.state_dict import Rules, convert, to_device
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.nn.vgg import VGG19

LAYERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
"""Where torchvision's list `features` has the convolutions up to relu5_1; between them stand ReLUs and maxima."""

RULES: Rules = [(f"conv{index}", f"features.{layer}") for index, layer in enumerate(LAYERS)]


def load_vgg19(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The variables of `nn.vgg.VGG19` from torchvision's file `vgg19-*.pth`: `{"params": {"conv0": ...}}`.

    The layers after relu5_1 and the classifier are left out; a file without them does as well.

    Raises:
        InputError: the file cannot be read or is not VGG19's.
    """
    flat = flatten(read_checkpoint(path))
    if not any(name.startswith("features.") for name in flat):
        raise InputError(f"{path} holds no VGG19: torchvision's file has tensors named features.0.weight and so on")
    used = {f"features.{layer}.{end}" for layer in LAYERS for end in ("weight", "bias")}
    shapes = jax.eval_shape(
        lambda x: VGG19().init(jax.random.key(0), x), jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    )
    return to_device(convert({name: flat[name] for name in used & set(flat)}, shapes, RULES, title=str(path)))
