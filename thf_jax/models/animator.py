"""The three verbs with a system's variables bound to them: what users hold."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from thf_jax.errors import InputError
from thf_jax.models import build
from thf_jax.ops.filtering import area_resize
from thf_jax.types import Rendering


@functools.partial(jax.jit, static_argnames=("module", "method"))
def _apply(module: nn.Module, variables: Any, *arguments: Any, method: str) -> Any:
    return module.apply(variables, *arguments, method=method)


_resize = jax.jit(area_resize, static_argnames="shape")


def as_images(pixels: Any, size: int) -> tuple[jax.Array, bool]:
    """Float images [b size size 3] in [0, 1], and whether the pixels came with a batch axis of their own.

    Args:
        pixels: uint8, or floating in [0, 1]; [h w 3] or [b h w 3]; resized by area where h or w is not `size`.

    Raises:
        InputError: another shape or type.
    """
    if not isinstance(pixels, jax.Array):
        pixels = np.asarray(pixels)
    if pixels.ndim not in (3, 4) or pixels.shape[-1] != 3 or 0 in pixels.shape:
        raise InputError(f"an image has the shape [h w 3], or [b h w 3] for a batch of them, not {list(pixels.shape)}")
    if pixels.dtype == np.uint8:
        images = jnp.asarray(pixels, jnp.float32) / 255
    elif jnp.issubdtype(pixels.dtype, jnp.floating):
        images = jnp.asarray(pixels, jnp.float32)
    else:
        raise InputError(f"an image is uint8, or floating between 0 and 1, not {pixels.dtype}")
    batched = images.ndim == 4
    images = images if batched else images[None]
    return (images if images.shape[1:3] == (size, size) else _resize(images, shape=(size, size))), batched


@dataclasses.dataclass(frozen=True)
class Animator:
    """A system, its settings and its variables. The verbs are jitted; one compilation serves every animator of equal settings.

    Attributes:
        system: its name, `fomm` for one.
        size: the side of its pictures, in pixels.
        settings: a nested dict, see `thf_jax.models`.
        variables: a nested dict of arrays, `{"params": ..., "batch_stats": ...}`.
    """

    system: str
    size: int
    settings: Mapping[str, Mapping[str, Any]]
    variables: Any = dataclasses.field(repr=False)

    @functools.cached_property
    def module(self) -> nn.Module:
        """The linen module: `module.apply(variables, ..., method="motion")` is the pure function behind a verb."""
        return build(self.system, self.settings)

    def encode(self, source: Any) -> Any:
        """Everything that depends on the source alone.

        Args:
            source: [h w 3], uint8 or floating in [0, 1]; a batch axis may stand in front. Another size is resized by area.
        """
        return self._image_verb("encode", source)

    def motion(self, frame: Any) -> Any:
        """The motion in a frame, a small pytree of numbers. The frame is given as the source is to `encode`."""
        return self._image_verb("motion", frame)

    def render(self, encoded: Any, motion: Any) -> Rendering:
        """The source moved to `motion`. One encoded source serves a batch of motions, one motion a batch of sources.

        Raises:
            InputError: two batches of different lengths.
        """
        encoded_batched, motion_batched = encoded.image.ndim == 4, jax.tree.leaves(motion)[0].ndim == 3
        if not motion_batched:
            motion = jax.tree.map(lambda x: x[None], motion)
        count = jax.tree.leaves(motion)[0].shape[0]
        if not encoded_batched:
            encoded = jax.tree.map(lambda x: jnp.broadcast_to(x[None], (count, *x.shape)), encoded)
        elif not motion_batched:
            motion = jax.tree.map(lambda x: jnp.broadcast_to(x, (encoded.image.shape[0], *x.shape[1:])), motion)
        elif encoded.image.shape[0] != count:
            raise InputError(
                f"a batch of {encoded.image.shape[0]} encoded sources does not go with one of {count} motions; "
                "give as many of both, or one of either without a batch axis"
            )
        rendering = _apply(self.module, self.variables, encoded, motion, method="render")
        return rendering if encoded_batched or motion_batched else jax.tree.map(lambda x: x[0], rendering)

    def _image_verb(self, method: str, pixels: Any) -> Any:
        images, batched = as_images(pixels, self.size)
        result = _apply(self.module, self.variables, images, method=method)
        return result if batched else jax.tree.map(lambda x: x[0], result)
