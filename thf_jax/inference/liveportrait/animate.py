"""LivePortrait's side of the animate loop: what is rendered for every frame."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thf_jax.errors import InputError
from thf_jax.inference import free_view
from thf_jax.inference.landmarks import LandmarkProvider, openness
from thf_jax.inference.liveportrait.corrections import Face
from thf_jax.inference.liveportrait.drive import Edit, Portrait, drive_clip, drive_picture
from thf_jax.inference.liveportrait.expressions import expression_edit
from thf_jax.inference.liveportrait.options import PortraitOptions
from thf_jax.inference.smoothing import smooth as smoothed
from thf_jax.inference.video import to_uint8
from thf_jax.models.animator import Animator, as_images
from thf_jax.types import EncodedVolume, HeadMotion, Keypoints


def portrait_pairs(
    animator: Animator,
    source: Any,
    frames: Iterable[Any],
    *,
    relative: bool,
    initial: HeadMotion | None,
    smooth: float,
    landmarks: LandmarkProvider | None = None,
    controls: Mapping[str, float] | None = None,
    **options: Any,
) -> Iterator[tuple[EncodedVolume, Keypoints]]:
    """For every frame of the result the encoded source and the keypoints that it is rendered with.

    Args:
        animator: a LivePortrait model.
        source: a picture [h w 3], or the frames of a clip [n h w 3], which then keeps its own motion where it is not
            driven.
        frames: pictures, or head motions; with a moving source all of them are drawn first.
        relative, initial, smooth: as in `animate`.
        landmarks: finds the 203 landmarks of the face in a picture; needed for options about eyes and lips. A motion
            that has its `openness` needs none.
        controls: changes of the expression by name, see `expressions.RANGES`: {"smile": 0.5}.
        options: the fields of `PortraitOptions`, and `free_view.OPTIONS`.

    Raises:
        InputError: options that mean nothing or contradict each other, or that need landmarks; a frame that is no
            picture and no head motion of this model.
    """
    view = {name: options.pop(name) for name in free_view.OPTIONS if name in options}
    chosen, edit = PortraitOptions(relative=relative, **options), _editor(animator, view, controls or {})
    still = np.ndim(source) == 3
    _refuse(chosen, landmarks, still, edited=edit is not None, begun=initial is not None)
    see = landmarks if chosen.uses_landmarks else None
    correctors = _BoundCorrectors(animator)
    faces = (_face(animator, frame, see, must_open=bool(chosen.retarget)) for frame in frames)
    drivers = _smoothed(faces, smooth)
    if still:
        encoded = animator.encode(source)
        portrait = Portrait(encoded.motion, _openness(source, see), canonical=encoded.canonical)
        if see is not None and portrait.openness is None:
            raise InputError("landmarks= finds no face in the source, whose eyes or lips it is asked about")
        positions = drive_picture(portrait, drivers, correctors, chosen, initial=initial, edit=edit)
        return zip(itertools.repeat(encoded), map(Keypoints, positions), strict=False)
    portraits = [_portrait(animator, frame, see) for frame in source]
    positions = drive_clip(portraits, list(drivers), correctors, chosen, initial=initial, edit=edit)
    return zip(map(animator.encode, source), map(Keypoints, positions), strict=False)


def _refuse(
    options: PortraitOptions, landmarks: LandmarkProvider | None, still: bool, *, edited: bool, begun: bool
) -> None:
    if options.uses_landmarks and landmarks is None:
        raise InputError(
            "retarget, normalize_lips and hold_eyes look at landmarks: give landmarks=, a function that finds them"
        )
    if options.hold_eyes and still:
        raise InputError("hold_eyes is for a moving source, [n h w 3]; the eyes of a picture hold still")
    if options.retargets_alone and (edited or begun):
        raise InputError(
            "retarget takes the place of all other motion: set keep_motion, or leave view options, controls and "
            "initial out"
        )
    if options.rescale and (edited or begun):
        raise InputError(
            "rescale measures motion from the first result, which cancels view options, controls and initial: leave "
            "one or the other out"
        )
    if options.rescale and not still:
        raise InputError("rescale is for a picture, [h w 3]; a moving source keeps its own size")


def _editor(animator: Animator, view: Mapping[str, Any], controls: Mapping[str, float]) -> Edit | None:
    """What turns heads and changes expressions by hand; None where nothing is asked for."""
    if not view and not controls:
        return None
    turn, change = free_view.viewer(animator, view) if view else None, expression_edit(controls)

    def edit(motion: HeadMotion, source: HeadMotion) -> HeadMotion:
        motion = motion if turn is None else turn(motion, source)
        return dataclasses.replace(motion, expression=motion.expression + change) if controls else motion

    return edit


def _portrait(animator: Animator, picture: Any, see: LandmarkProvider | None) -> Portrait:
    """What is needed of every frame of a moving source before the first is rendered: not its features."""
    images, _ = as_images(picture, animator.size)
    canonical, motion = _extract(animator.module, animator.variables, images)
    return Portrait(motion, _openness(picture, see), canonical=canonical)


@functools.partial(jax.jit, static_argnames="module")
def _extract(module: Any, variables: Any, images: jax.Array) -> tuple[jax.Array, HeadMotion]:
    found = module.apply(variables, images, method=lambda model, x: model.extractor(x))
    return jax.tree.map(lambda rows: rows[0], found)


def _face(animator: Animator, frame: Any, see: LandmarkProvider | None, *, must_open: bool) -> Face:
    """What drives, of a picture or of a motion; `must_open` if its eyes or lips are asked about."""
    if not dataclasses.is_dataclass(frame):
        return Face(animator.motion(frame), _openness(frame, see))
    count = animator.module.extractor.count  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(frame, HeadMotion) or np.shape(frame.expression) != (count, 3):
        shown = np.shape(frame.expression) if isinstance(frame, HeadMotion) else ""
        raise InputError(
            f"a frame's motion is {type(frame).__name__} {shown}, but this liveportrait model moves by HeadMotion "
            f"{(count, 3)}; extract the motion with the model that animates"
        )
    if must_open and frame.openness is None:
        raise InputError(
            "this motion does not tell how far eyes and lips are open: leave retarget out, or drive by pictures"
        )
    known = None if frame.openness is None else np.asarray(frame.openness)
    return Face(jax.tree.map(jnp.asarray, dataclasses.replace(frame, openness=None)), known)


def _openness(picture: Any, see: LandmarkProvider | None) -> np.ndarray | None:
    if see is None:
        return None
    pixels = np.asarray(picture)
    points = see(pixels if pixels.dtype == np.uint8 else to_uint8(pixels))
    return None if points is None else openness(points)


def _smoothed(faces: Iterable[Face], strength: float) -> Iterator[Face]:
    first, second = itertools.tee(faces)
    motions = smoothed((face.motion for face in first), strength)
    return (dataclasses.replace(face, motion=motion) for motion, face in zip(motions, second, strict=True))


@functools.partial(jax.jit, static_argnames=("module", "method"))
def _correct(module: Any, variables: Any, still: jax.Array, other: Any, *, method: str) -> jax.Array:
    return module.apply(variables, still[None], jnp.asarray(other)[None], method=method)[0]


@dataclasses.dataclass(frozen=True)
class _BoundCorrectors:
    """An animator's three small networks, for one example."""

    animator: Animator

    @functools.cached_property
    def _variables(self) -> dict[str, Any]:
        """Those of the small networks alone: to hand all of the model's over would take longer than they do."""
        return {"params": {"corrector": self.animator.variables["params"]["corrector"]}}

    def _run(self, method: str, still: jax.Array, other: Any) -> jax.Array:
        return _correct(self.animator.module, self._variables, still, other, method=method)

    def stitch(self, source: jax.Array, driven: jax.Array) -> jax.Array:
        return self._run("stitch", source, driven)

    def open_eyes(self, source: jax.Array, openness: np.ndarray) -> jax.Array:
        return self._run("open_eyes", source, openness)

    def open_lips(self, source: jax.Array, openness: np.ndarray) -> jax.Array:
        return self._run("open_lips", source, openness)
