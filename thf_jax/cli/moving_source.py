"""`thf animate --moving-source`: the person in a clip, moved by another clip."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from thf_jax.errors import InputError

if TYPE_CHECKING:
    from thf_jax.inference.face_square import FaceSquare
    from thf_jax.inference.landmarks import LandmarkProvider

_STILL = ("detail", "compare", "best_frame", "adapt_scale", "source_also", "codes", "rate")
"""Options of portraits that stand still."""


def run(options: argparse.Namespace, special: dict[str, Any]) -> None:
    """Write the video, at the rate of the source. Its faces are held in memory, its pictures are read again.

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
    animator = load(options.model or default_model())
    check_special(special, animator.system)
    if animator.system != "liveportrait":
        raise InputError(f"--moving-source is for models of liveportrait, and this one is of {animator.system}")
    shown = Progress(source.frames(), label="looking at the source", total=source.length)
    squares, faces = zip(*_faces(shown, animator.size, special.get("landmarks"), options.crop), strict=True)
    cropped = options.crop_driving and driving.motion is None
    square = find_driving_square(special["landmarks"], driving.frames()) if cropped else None
    frames = driving_frames(driving, animator.size, crop=options.crop, square=square)
    chosen = {"relative": options.relative, "smooth": options.smooth, **special}
    progress = Progress(animate(animator, np.stack(faces), frames, **chosen), label="animating", total=len(faces))
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


def _faces(
    pictures: Any, size: int, see: LandmarkProvider | None, crop: bool
) -> Iterator[tuple[FaceSquare | None, Any]]:
    """The square and the face in it of every picture; where none is seen, the square of the picture before."""
    from thf_jax.inference.crop import look
    from thf_jax.inference.face_square import face_square, find_square
    from thf_jax.inference.warp_affine import crop_face, halved

    square = None
    for picture in pictures:
        if see is None or not crop:
            yield None, look(picture, size, crop=crop)
            continue
        if square is None:
            square = find_square(see, picture)
        elif (points := see(picture)) is not None:
            square = face_square(points)
        yield square, halved(crop_face(picture, square))
