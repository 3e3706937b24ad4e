"""The keypoints of every frame of the result, from a still or a moving source and what drives it."""

import dataclasses
import functools
import itertools
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thf_jax.inference.best_frame import hull_ratio
from thf_jax.inference.liveportrait.corrections import Correctors, Face, Positions, corrected
from thf_jax.inference.liveportrait.motion import (
    held_in_place,
    limited,
    one_picture_as_initial,
    smoothed,
    taken_over,
    transferred,
)
from thf_jax.inference.liveportrait.options import PortraitOptions
from thf_jax.inference.liveportrait.regions import region_of
from thf_jax.types import HeadMotion

Edit = Callable[[HeadMotion, HeadMotion], HeadMotion]


@dataclasses.dataclass(frozen=True)
class Portrait(Face):
    """One frame of the source."""

    canonical: Float[Array, "k 3"] = dataclasses.field(kw_only=True)
    """Its keypoints as if the face looked straight ahead and at rest."""

    @property
    def still(self) -> Positions:
        """Its keypoints as they stand in the picture."""
        return _pose(self.canonical, self.motion)


def drive_picture(
    portrait: Portrait,
    drivers: Iterable[Face],
    correctors: Correctors,
    options: PortraitOptions,
    *,
    initial: HeadMotion | None = None,
    edit: Edit | None = None,
) -> Iterator[Positions]:
    """The keypoints of a picture that is driven by a clip, drawn frame by frame; or by one picture.

    One driving picture has no first frame to be compared with. In relative motion its expression is then compared with
    `options.neutral`, or with zeros if only the eyes are driven, and its pose has no effect.

    Args:
        portrait: the source.
        drivers: one a frame.
        correctors: the networks.
        options: what to do; `observation_variance` and `hold_eyes` are for moving sources.
        initial: the driver's motion that corresponds to the source as it is; by default the first frame's.
        edit: what a motion that was carried over becomes, given the source's own as well; by default itself.
    """
    frames = iter(drivers)
    begin = list(itertools.islice(frames, 2))
    if not begin:
        return
    single = len(begin) == 1 and initial is None
    if single:
        neutral = None if _names(options.region) == ("eyes",) else options.neutral
        initial = one_picture_as_initial(begin[0].motion, neutral)
    elif initial is None:
        initial = begin[0].motion
    carry = functools.partial(_carried, names=_names(options.region), relative=options.relative)
    still, first, ratio = portrait.still, None, 1.0
    for driver in itertools.chain(begin, frames):
        motion = carry(driver.motion, initial, portrait.motion)
        driven = _pose(portrait.canonical, motion if edit is None else edit(motion, portrait.motion))
        if options.rescale and not single:
            if first is None:
                first, ratio = driven, hull_ratio(np.asarray(still), np.asarray(driven))
            driven = still + ratio * (driven - first)
        yield corrected(driven, still, portrait, driver, correctors, options, first=portrait.openness)


def drive_clip(
    portraits: Sequence[Portrait],
    drivers: Sequence[Face],
    correctors: Correctors,
    options: PortraitOptions,
    *,
    initial: HeadMotion | None = None,
    edit: Edit | None = None,
) -> Iterator[Positions]:
    """The keypoints of a clip that is driven by another, as many frames as the shorter one has; or by one picture.

    The source keeps its place and size in relative motion, and the motion of a driving clip is smoothed.

    Args:
        portraits: one a frame of the source.
        drivers: one a frame of the driver.
        correctors: the networks.
        options: what to do; `rescale` is for pictures.
        initial, edit: as for `drive_picture`.
    """
    if not portraits or not drivers:
        return
    single = len(drivers) == 1
    count = len(portraits) if single else min(len(portraits), len(drivers))
    drivers = list(drivers) * count if single else drivers[:count]
    sources, driving = (_stacked([face.motion for face in faces]) for faces in (portraits[:count], drivers))
    if initial is None:
        first = drivers[0].motion
        initial = one_picture_as_initial(first, options.neutral) if single else first
    moved = _moved(driving, initial, sources, options.relative)
    if options.relative:
        moved = held_in_place(moved, sources)
    if not single:
        moved = smoothed(moved, options.observation_variance)
    motions = limited(moved, sources, region_of(_names(options.region), whole=False))
    motions = motions if edit is None else edit(motions, sources)
    for index, (portrait, driver) in enumerate(zip(portraits, drivers, strict=False)):
        motion = jax.tree.map(operator.itemgetter(index), motions)
        driven, first = _pose(portrait.canonical, motion), portraits[0].openness
        yield corrected(driven, portrait.still, portrait, driver, correctors, options, first=first)


@jax.jit
def _pose(canonical: Array, motion: HeadMotion) -> Array:
    return motion.pose(canonical).position


@functools.partial(jax.jit, static_argnames=("names", "relative"))
def _carried(
    driving: HeadMotion, initial: HeadMotion, source: HeadMotion, *, names: tuple[str, ...], relative: bool
) -> HeadMotion:
    return limited(_moved(driving, initial, source, relative), source, region_of(names, whole=relative))


def _names(region: str | Collection[str]) -> tuple[str, ...]:
    return (region,) if isinstance(region, str) else tuple(sorted(region))


def _moved(driving: HeadMotion, initial: HeadMotion, source: HeadMotion, relative: bool) -> HeadMotion:
    return transferred(driving, initial, source) if relative else taken_over(driving, source)


def _stacked(motions: Sequence[HeadMotion]) -> Any:
    return jax.tree.map(lambda *rows: jnp.stack(rows), *motions)
