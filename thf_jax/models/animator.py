"""The three verbs with a system's variables bound to them: what users hold."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from thf_jax.errors import InputError
from thf_jax.models import SEVERAL_SOURCES, Settings, build
from thf_jax.ops.filtering import area_resize
from thf_jax.types import Rendering


@functools.partial(jax.jit, static_argnames=("module", "batched", "method"))
def _apply(module: nn.Module, variables: Any, *arguments: Any, batched: tuple[bool, ...], method: str) -> Any:
    """What a verb makes of its arguments. One without a batch axis serves the whole batch of another.

    Where none has such an axis, neither has the result. Scaling, batching and slicing belong to the compiled program:
    outside of it each would be a dispatch for every frame and array.
    """
    count = next((jax.tree.leaves(x)[0].shape[0] for x, rows in zip(arguments, batched, strict=True) if rows), 1)
    together = [
        x if rows else jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), x)
        for x, rows in zip(jax.tree.map(_unit, arguments), batched, strict=True)
    ]
    result = module.apply(variables, *together, method=method)
    return result if any(batched) else jax.tree.map(lambda leaf: leaf[0], result)


def _unit(pixels: jax.Array) -> jax.Array:
    """Bytes brought to [0, 1]; everything else as it is."""
    return pixels.astype(jnp.float32) / 255 if pixels.dtype == np.uint8 else pixels


@functools.partial(jax.jit, static_argnames="size")
def _resized(pixels: jax.Array, *, size: int) -> jax.Array:
    return area_resize(_unit(pixels), (size, size))


def as_images(pixels: Any, size: int) -> tuple[jax.Array, bool]:
    """Float images [b size size 3] in [0, 1], and whether the pixels came with a batch axis of their own.

    Args:
        pixels: uint8, or floating in [0, 1]; [h w 3] or [b h w 3]; resized by area where h or w is not `size`.
        size: the side of the images.

    Raises:
        InputError: another shape or type; floating numbers beyond [0, 1] in a NumPy array.
    """
    checked = _checked(pixels)
    images, batched = _resized(checked, size=size), checked.ndim == 4
    return images if batched else images[None], batched


_SHAPES = {
    4: "[h w 3], or [b h w 3] for a batch of them",
    5: "[h w 3], [n h w 3] for several sources of one person, or [b n h w 3] for a batch of these",
}
"""By the most axes that are taken."""
_ROUNDING = 1e-3
"""How far beyond 0 and 1 a floating image may reach."""


def _checked(pixels: Any, *, most: int = 4) -> np.ndarray | jax.Array:
    """The pixels as they came if they are uint8 or float32, other floating ones as float32."""
    if not isinstance(pixels, jax.Array):
        pixels = np.asarray(pixels)
    if not 3 <= pixels.ndim <= most or pixels.shape[-1] != 3 or 0 in pixels.shape:
        raise InputError(f"an image has the shape {_SHAPES[most]}, not {list(pixels.shape)}")
    if pixels.dtype == np.uint8:
        return pixels
    if not jnp.issubdtype(pixels.dtype, jnp.floating):
        raise InputError(f"an image is uint8, or floating between 0 and 1, not {pixels.dtype}")
    if isinstance(pixels, np.ndarray):  # the values of JAX's arrays may not be there yet
        _check_range(pixels)
    return pixels.astype(np.float32)


def _check_range(pixels: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):
        low, high = float(pixels.min()), float(pixels.max())
    # What is no number makes both comparisons false.
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise InputError(
            f"a floating image is finite and between 0 and 1, not between {low:g} and {high:g}; "
            "give whole numbers up to 255 as uint8"
        )


@runtime_checkable
class Program(Protocol):
    """A verb that another runtime computes."""

    def takes(self, arguments: tuple[Any, ...], batched: tuple[bool, ...]) -> bool:
        """Whether the program was made for these."""
        ...

    def __call__(self, arguments: tuple[Any, ...], batched: tuple[bool, ...]) -> Any:
        """The verb's result, with a batch axis where any of the arguments is `batched`."""
        ...


@dataclasses.dataclass(frozen=True)
class Animator:
    """A system, its settings and its variables.

    The verbs are jitted; one compilation serves every animator of equal settings.

    Attributes:
        system: its name, `fomm` for one.
        size: the side of its pictures, in pixels.
        settings: a nested dict, see `thf_jax.models`.
        variables: a nested dict of arrays, `{"params": ..., "batch_stats": ...}`.
        programs: verbs that another runtime computes, by their names; JAX computes what they do not take.
    """

    system: str
    size: int
    settings: Settings
    variables: Any = dataclasses.field(repr=False)
    programs: Mapping[str, Program] = dataclasses.field(default_factory=dict, repr=False, kw_only=True)

    @functools.cached_property
    def module(self) -> nn.Module:
        """The linen module: `module.apply(variables, ..., method="motion")` is the pure function behind a verb."""
        return build(self.system, self.settings)

    def encode(self, source: Any) -> Any:
        """Everything that depends on the source alone.

        Args:
            source: [h w 3], uint8 or floating in [0, 1]; a batch axis may stand before it. Other sizes are resized.
                X2Face also takes several sources of one person, [n h w 3] or a list of pictures of any sizes, and a
                batch of these, [b n h w 3].
        """
        if self.system not in SEVERAL_SOURCES:
            return self._run("encode", self._sized(_checked(source)), unbatched=3)
        if isinstance(source, list | tuple) and np.ndim(source[0]) == 3:
            sources = jnp.stack([_resized(_checked(one), size=self.size) for one in source])
        else:
            sources = self._sized(_checked(source, most=5))
        return self._run("encode", sources[None] if sources.ndim == 3 else sources, unbatched=4)

    def motion(self, frame: Any, *, source: Any = None) -> Any:
        """The motion in a frame, a small pytree of numbers. The frame is given as one source is to `encode`.

        Args:
            source: MRAA also measures how the background has moved since this picture.

        Raises:
            InputError: a source for a model that has no background predictor.
        """
        if source is None:
            return self._run("motion", self._sized(_checked(frame)), unbatched=3)
        if not self.measures_background:
            raise InputError(f"this {self.system} model does not measure the background's motion: leave source out")
        return self._run("motion", *(self._sized(_checked(one)) for one in (frame, source)), unbatched=3)

    @property
    def measures_background(self) -> bool:
        """Whether `motion` can tell how the background has moved since a source (MRAA)."""
        return getattr(self.module, "background", None) is not None

    def combine(self, identity: Any, pose: Any) -> Any:
        """The motion of the person of one motion in the pose of another: MRAA's animation via disentanglement.

        Raises:
            InputError: the model has no AVD network.
        """
        if getattr(self.module, "avd", None) is None:
            raise InputError(f"this {self.system} model has no AVD network: choose the standard or the relative mode")
        batched = identity.batched, pose.batched
        return self._call("combine", identity, pose, batched=batched)

    def render(self, encoded: Any, motion: Any) -> Rendering:
        """The source moved to `motion`. One encoded source serves a batch of motions, one motion a batch of sources.

        Raises:
            InputError: two batches of different lengths.
        """
        batched = encoded.batched, motion.batched
        counts = [jax.tree.leaves(value)[0].shape[0] for value in (encoded, motion)]
        if all(batched) and counts[0] != counts[1]:
            raise InputError(
                f"a batch of {counts[0]} encoded sources does not go with one of {counts[1]} motions; "
                "give as many of both, or one of either without a batch axis"
            )
        return self._call("render", encoded, motion, batched=batched)

    def _sized(self, images: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
        if images.shape[-3:-1] == (self.size, self.size):
            return images
        # A program of its own, so that the large one of the verb serves pictures of every size.
        return _resized(images, size=self.size)

    def _run(self, method: str, *images: np.ndarray | jax.Array, unbatched: int) -> Any:
        batched = tuple(x.ndim > unbatched for x in images)
        return self._call(method, *images, batched=batched)

    def _call(self, method: str, *arguments: Any, batched: tuple[bool, ...]) -> Any:
        program = self.programs.get(method)
        if program is not None and program.takes(arguments, batched):
            return program(arguments, batched)
        return _apply(self.module, self.variables, *arguments, batched=batched, method=method)
