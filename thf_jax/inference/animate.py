"""The animate loop. There is only this one: commands, evaluation and pages all run it."""

import collections
import dataclasses
import difflib
import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thf_jax.errors import InputError
from thf_jax.inference import free_view
from thf_jax.inference.best_frame import relative_scale
from thf_jax.inference.liveportrait.animate import portrait_pairs
from thf_jax.inference.liveportrait.options import OPTION_NAMES
from thf_jax.inference.smoothing import smooth as smoothed
from thf_jax.models.animator import Animator
from thf_jax.types import Rendering

_SPECIAL = {
    "mode": ("mraa",),
    "background": ("mraa",),
    "adapt_variance": ("monkey_net",),
    **dict.fromkeys(free_view.OPTIONS, free_view.SYSTEMS),
    **dict.fromkeys(("landmarks", "controls", *OPTION_NAMES), ("liveportrait",)),
}
"""Keywords that some systems alone have, and which."""
_COMMON = ("relative", "adapt_scale", "initial", "smooth", "batch_size", "ahead")


def animate(
    animator: Animator,
    source: Any,
    frames: Iterable[Any],
    *,
    relative: bool = True,
    adapt_scale: bool = False,
    initial: Any = None,
    smooth: float = 0.0,
    batch_size: int = 1,
    ahead: int = 1,
    **special: Any,
) -> Iterator[Rendering]:
    """One rendering a frame: the source moved as the frames move. Frames are drawn as renderings are asked for.

    The source is encoded once. With `relative` motion, the source's own motion changes as the driver's does since
    `initial`; without it the driver's motion is taken as it is, and with it the driver's face shape and place.

    Args:
        animator: a model, see `thf_jax.load`.
        source: a picture, [h w 3], uint8 or floating in [0, 1]; for X2Face also several of one person, [n h w 3] or a
            list of them, of which the first counts as the pose that relative motion starts from; for LivePortrait also
            the frames of a clip, [n h w 3].
        frames: pictures like the source, or motions: those of a motion file, or what `animator.motion` gives.
        adapt_scale: enlarge relative motion by the ratio of the faces' sizes, see `relative_scale`.
        initial: the driver's motion that corresponds to the source as it is; by default the first frame's.
        smooth: the strength of a temporal filter, in frames, see `smoothing.smooth`.
        batch_size: how many frames are rendered at once; more of them fill an accelerator, and memory.
        ahead: how many batches are under way before a result is handed out. 1 lets the device work while the caller
            writes; 0 answers each frame at once, as a live view needs it.
        special: of single systems.
            MRAA: `mode="avd"` puts the source's own shape into each driving pose by the AVD network, in place of
            relative motion (whose published form has `adapt_scale`); `background=True` lets the background move as
            measured between source and frame, which must then be a picture.
            Monkey-Net: `adapt_variance=True` adapts the keypoints' covariance like their position in relative motion.
            Systems with head motion: those of `free_view.viewer`; LivePortrait also those of
            `liveportrait.animate.portrait_pairs`.

    Raises:
        InputError: options that contradict each other or that the system lacks, or a motion of another system.
    """
    disentangle = check_special(special, animator.system)
    relative = relative and not disentangle
    adapt_variance = special.get("adapt_variance", False)
    if not relative and (adapt_scale or adapt_variance or initial is not None):
        raise InputError(
            "adapt_scale, adapt_variance and initial shape relative motion: leave them out where it is not relative"
        )
    if batch_size < 1 or ahead < 0:
        raise InputError(f"batch_size is 1 or more and ahead 0 or more, not {batch_size} and {ahead}")
    if animator.system == "liveportrait":
        if adapt_scale:
            raise InputError("adapt_scale means nothing to liveportrait, whose motion has a scale: leave it out")
        pairs = portrait_pairs(animator, source, frames, relative=relative, initial=initial, smooth=smooth, **special)
    else:
        encoded = animator.encode(source)
        rest = encoded.motion
        since = source if special.get("background", False) else None
        motions = smoothed((_motion_in(animator, rest, frame, since) for frame in frames), smooth)
        if disentangle:
            motions = (animator.combine(rest, motion) for motion in motions)
        if relative:
            motions = _transferred(motions, encoded, initial, adapt_scale=adapt_scale, adapt_variance=adapt_variance)
        if view_options := {name: value for name, value in special.items() if name in free_view.OPTIONS}:
            view = free_view.viewer(animator, view_options)
            motions = (view(motion, rest) for motion in motions)
        pairs = zip(itertools.repeat(encoded), motions, strict=False)
    renderings = _rendered(animator, pairs, batch_size)
    return itertools.chain.from_iterable(_running_ahead(renderings, ahead))


def check_special(special: dict[str, Any], system: str) -> bool:
    """Whether these options of single systems want motion to be carried over by the AVD network.

    Raises:
        InputError: one of them is another system's, or `mode` and `background` do not go together.
    """
    for name in special:
        if name not in _SPECIAL:
            near = difflib.get_close_matches(name, [*_COMMON, *_SPECIAL], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"animate() got an unexpected keyword argument {name!r}{hint}")
        if system not in _SPECIAL[name]:
            systems = " and ".join(_SPECIAL[name])
            raise InputError(f"the option {name} is for models of {systems}; this is one of {system}")
    mode = special.get("mode")
    if mode not in (None, "avd"):
        raise InputError(f"mode is 'avd' or left out, not {mode!r}; relative= tells the other two modes apart")
    if mode and special.get("background"):
        raise InputError("with mode='avd' the background stands still: leave background out")
    return mode is not None


def _motion_in(animator: Animator, rest: Any, frame: Any, since: Any) -> Any:
    """The motion of the frame, which is a picture or a motion already; the background's motion `since` a picture."""
    if not dataclasses.is_dataclass(frame):
        return animator.motion(frame) if since is None else animator.motion(frame, source=since)
    if since is not None:
        raise InputError(
            "background=True measures the background's motion in pictures: give the frames themselves, not motions"
        )
    if jax.tree.structure(frame) != jax.tree.structure(rest) or _shapes(frame) != _shapes(rest):
        raise InputError(
            f"a frame's motion is {type(frame).__name__} {_shapes(frame)}, but this {animator.system} model moves by "
            f"{type(rest).__name__} {_shapes(rest)}; extract the motion with the model that animates"
        )
    return frame


def _shapes(motion: Any) -> list[tuple[int, ...]]:
    return [np.shape(leaf) for leaf in jax.tree.leaves(motion)]


@functools.partial(jax.jit, static_argnames="adapt_variance")
def _transfer(motion: Any, initial: Any, onto: Any, scale: float | jax.Array, *, adapt_variance: bool) -> Any:
    if adapt_variance:
        return motion.transfer(initial, onto, scale=scale, adapt_variance=True)
    return motion.transfer(initial, onto, scale=scale)


def _transferred(
    motions: Iterable[Any], encoded: Any, initial: Any, *, adapt_scale: bool, adapt_variance: bool
) -> Iterator[Any]:
    """The motions relative to `initial`, by default the first of them, from the encoded source's own motion on."""
    rest, canonical = encoded.motion, getattr(encoded, "canonical", None)
    scale = None
    for motion in motions:
        initial = motion if initial is None else initial
        if scale is None:
            scale = relative_scale(rest, initial, canonical=canonical) if adapt_scale else 1.0
        yield _transfer(motion, initial, rest, scale, adapt_variance=adapt_variance)


def _rendered(animator: Animator, pairs: Iterator[tuple[Any, Any]], batch_size: int) -> Iterator[list[Rendering]]:
    """The renderings of pairs of an encoded source, most often the same one, and a motion."""
    while batch := list(itertools.islice(pairs, batch_size)):
        if batch_size == 1:
            yield [animator.render(*batch[0])]
            continue
        # The last batch is filled up, since another size would be compiled anew.
        sources, motions = zip(*batch, *[batch[-1]] * (batch_size - len(batch)), strict=True)
        source = sources[0] if all(one is sources[0] for one in sources) else _stacked(*sources)
        yield _rows(animator.render(source, _stacked(*motions)))[: len(batch)]


@jax.jit
def _stacked(*motions: Any) -> Any:
    return jax.tree.map(lambda *rows: jnp.stack(rows), *motions)


@jax.jit
def _rows(rendering: Rendering) -> list[Rendering]:
    return [jax.tree.map(operator.itemgetter(row), rendering) for row in range(rendering.image.shape[0])]


def _running_ahead(batches: Iterable[list[Rendering]], count: int) -> Iterator[list[Rendering]]:
    """The batches, each handed out when `count` more are dispatched, which JAX computes while the caller is busy."""
    waiting: collections.deque[list[Rendering]] = collections.deque()
    for batch in batches:
        waiting.append(batch)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting
