"""`thf animate --moving-source`: the person in a clip, moved by another clip."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from thf_jax.errors import InputError

if TYPE_CHECKING:
    from thf_jax.inference.face_square import FaceSquare
    from thf_jax.inference.landmarks import LandmarkProvider

_STILL = ("detail", "compare", "best_frame", "adapt_scale", "source_also", "codes", "rate")
"""Options of portraits that stand still."""


def run(options: argparse.Namespace, special: dict[str, Any]) -> None:
    """Write the video, at the rate of the source. Its pictures are read several times and never held in memory.

    Raises:
        InputError: options that are for still portraits, or a model or a source that does not move.
    """
    import numpy as np

    from thf_jax.cli.compilation_cache import keep_compiled_programs
    from thf_jax.cli.progress import Progress
    from thf_jax.inference.animate import animate, check_special
    from thf_jax.inference.assets import default_model
    from thf_jax.inference.driving import open_driving
    from thf_jax.inference.face_square import find_driving_square
    from thf_jax.inference.film import driving_frames
    from thf_jax.inference.load import load
    from thf_jax.inference.video import check_video_output, open_video, to_uint8
    from thf_jax.inference.warp_affine import paste_face

    _refuse(options, special)
    source, driving = open_driving(options.source), open_driving(options.driving)
    if source.motion is not None:
        raise InputError(f"{source.path} holds motion and no pictures: a source is a clip")
    target = check_video_output(options.output, source.rate)
    if target.resolve() in (source.path.resolve(), driving.path.resolve()):
        raise InputError(f"{target} would take the place of what it is made from; choose another --output")
    keep_compiled_programs()
    animator = load(options.model or default_model(), backend=options.backend)
    check_special(special, animator.system)
    if animator.system != "liveportrait":
        raise InputError(f"--moving-source is for models of liveportrait, and this one is of {animator.system}")
    shown = Progress(source.frames(), label="looking at the source", total=source.length)
    squares = list(_squares(shown, special.get("landmarks") if options.crop else None))
    faces = _Faces(source.frames, squares, animator.size, options.crop)
    cropped = options.crop_driving and driving.motion is None
    square = find_driving_square(special["landmarks"], driving.frames()) if cropped else None
    frames = driving_frames(driving, animator.size, crop=options.crop, square=square)
    chosen = {"relative": options.relative, "smooth": options.smooth, **special}
    progress = Progress(animate(animator, faces, frames, **chosen), label="animating", total=len(squares))
    # The result has the source's rate, at which the sound of a driver of another rate would run away from its pictures.
    driver_sound = driving.sound if driving.rate == source.rate else None
    with open_video(target, source.rate, sound_from=driver_sound or source.sound) as write:
        for picture, square, rendering in zip(source.frames(), squares, progress, strict=False):
            result = to_uint8(np.asarray(rendering.image))
            write(paste_face(picture, result, square) if options.paste_back and square is not None else result)
    print(f"wrote {target}: {progress.summary()}")


def _refuse(options: argparse.Namespace, special: dict[str, Any]) -> None:
    for name in _STILL:
        # A rate of 0 was given as well.
        if getattr(options, name) or (name == "rate" and options.rate is not None):
            raise InputError(f"--{name.replace('_', '-')} is for portraits that stand still: leave --moving-source out")
    if options.paste_back and "landmarks" not in special:
        raise InputError("--paste-back into a moving source needs to know where the face is: say with --landmarks how")


def _squares(pictures: Iterable[Any], see: LandmarkProvider | None) -> Iterator[FaceSquare | None]:
    """The square around the face in every picture; where none is seen, that of the picture before."""
    from thf_jax.inference.face_square import face_square, find_square

    square = None
    for picture in pictures:
        if see is None:
            yield None
            continue
        if square is None:
            square = find_square(see, picture)
        elif (points := see(picture)) is not None:
            square = face_square(points)
        yield square


@dataclasses.dataclass(frozen=True)
class _Faces:
    """The faces of a clip, cut out anew in every pass: together they might not fit in memory."""

    pictures: Callable[[], Iterator[Any]]
    squares: Sequence[FaceSquare | None]
    size: int
    crop: bool
    ndim: int = 4
    """As of an array [n h w 3]: this is no single picture."""

    def __iter__(self) -> Iterator[Any]:
        from thf_jax.inference.crop import look
        from thf_jax.inference.warp_affine import crop_face, halved

        for picture, square in zip(self.pictures(), self.squares, strict=False):
            yield look(picture, self.size, crop=self.crop) if square is None else halved(crop_face(picture, square))
