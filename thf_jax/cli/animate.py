"""`thf animate`: a portrait and what drives it, to a video."""

from __future__ import annotations

import argparse
import functools
from fractions import Fraction
from pathlib import Path
from typing import Any

from thf_jax.cli import moving_source
from thf_jax.cli.animate_inputs import back_into, bound, driving_square, portrait_square, takes_several
from thf_jax.cli.free_view import add_view_options, view_options
from thf_jax.cli.portrait import add_portrait_options, portrait_options
from thf_jax.errors import InputError

_SPECIAL = ("mode", "adapt_variance")
"""Options of single systems, by their names in `thf_jax.animate`."""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    text = "Move a portrait as the person in a clip moves. The output keeps the clip's frame rate and sound."
    parser = subparsers.add_parser("animate", help="animate a portrait", description=text)
    parser.add_argument("source", metavar="SOURCE", help="png, jpg or webp; of a video the first frame is taken")
    parser.add_argument(
        "driving",
        metavar="DRIVING",
        help="mp4, mov, webm, gif, a folder of frames, a .motion file, a .pkl template or a shipped motion",
    )
    add_x2face_options(parser)
    parser.add_argument("-o", "--output", default="out.mp4", help="mp4, mov, webm, gif or a new folder (%(default)s)")
    parser.add_argument(
        "--model", help="a shipped model's name, a model directory or a training workdir; by default the shipped one"
    )
    parser.add_argument(
        "--backend",
        choices=("jax", "onnxruntime"),
        default="jax",
        help="what computes the networks, see thf export (%(default)s)",
    )
    add_motion_options(parser)
    add_view_options(parser)
    add_portrait_options(parser)
    parser.add_argument(
        "--crop",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="take the central square of both (default); without it all of a picture is squashed into one",
    )
    parser.add_argument(
        "--detail",
        action="store_true",
        help="make the result as large as the portrait and carry the portrait's fine detail over (up to 512 pixels)",
    )
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--paste-back", action="store_true", help="put the animated square back into the whole portrait")
    look.add_argument("--compare", action="store_true", help="show portrait, driving and result side by side")
    parser.set_defaults(run=run)


def add_x2face_options(parser: argparse.ArgumentParser) -> None:
    """Add what X2Face alone can do."""
    own = parser.add_argument_group(
        "X2Face alone",
        "DRIVING may also be a pose track (csv with the columns roll, pitch and yaw in degrees, a line a frame) or "
        "sound (wav, mp3, m4a, flac, ogg, or an npy array of features, a row a frame), with --codes.",
    )
    own.add_argument(
        "--source-also",
        action="append",
        default=[],
        metavar="FILE",
        help="another picture of the same person, and so on",
    )
    own.add_argument(
        "--codes", action="append", default=[], metavar="FILE", help="a map that python -m experiments.fit_codes wrote"
    )
    own.add_argument("--rate", type=_rate, metavar="N", help="frames a second of such a DRIVING (25)")


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of frames a second, as 25 and 30000/1001 are"
        ) from error


def add_motion_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how motion is carried over."""
    reference = parser.add_mutually_exclusive_group()
    reference.add_argument(
        "--relative", action="store_true", default=True, help="carry over the change since the first frame (default)"
    )
    reference.add_argument(
        "--absolute", dest="relative", action="store_false", help="carry over the driver's place and shape as they are"
    )
    parser.add_argument(
        "--adapt-scale",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="enlarge relative motion as much as the portrait's face is larger than the driver's",
    )
    parser.add_argument(
        "--best-frame", action="store_true", help="start from the frame whose pose is nearest to the portrait's"
    )
    parser.add_argument(
        "--mode", choices=["avd"], help="MRAA: put the portrait's own shape into each driving pose (AVD)"
    )
    parser.add_argument(
        "--adapt-variance",
        action="store_true",
        help="Monkey-Net: adapt the keypoints' extent in relative motion, not their place alone",
    )
    parser.add_argument(
        "--smooth", type=float, default=0.0, metavar="X", help="calm jitter: average still moments over X frames (0)"
    )


def run(options: argparse.Namespace) -> None:
    """Write the video."""
    from thf_jax.cli.compilation_cache import keep_compiled_programs
    from thf_jax.cli.progress import Progress
    from thf_jax.inference.animate import check_special
    from thf_jax.inference.assets import default_model
    from thf_jax.inference.best_frame import best_frame
    from thf_jax.inference.crop import look
    from thf_jax.inference.driving import read_source
    from thf_jax.inference.film import check_detail, composer, detail_of, driving_frames, results
    from thf_jax.inference.load import load
    from thf_jax.inference.tracks import open_driver
    from thf_jax.inference.video import check_video_output, open_video
    from thf_jax.inference.warp_affine import crop_face, halved

    if options.moving_source:
        return moving_source.run(options, _special_options(options))
    _refuse_contradictions(options)
    source, *more = map(read_source, [options.source, *options.source_also])
    driver = open_driver(options.driving, options.codes, options.rate)
    target = check_video_output(options.output, driver.rate)
    _refuse_overwriting(target, options.source, *options.source_also, driver.path)
    keep_compiled_programs()
    model = options.model or default_model()
    animator = load(model, backend=options.backend)
    # Checked before faces are looked for and frames compared, which take their time.
    special = _special_options(options)
    check_special(special, animator.system)
    if options.detail:
        check_detail(animator)
    square = portrait_square(options, special.get("landmarks"), source)
    face = look(source, animator.size, crop=options.crop) if square is None else halved(crop_face(source, square))
    others = [look(picture, animator.size, crop=options.crop) for picture in more]
    faces = [face, *others] if takes_several(animator.system, others) else face
    driving = bound(driver, model, animator, faces)
    square_of_driver = driving_square(options, special.get("landmarks"), driving)
    driven_by: dict[str, Any] = {"crop": options.crop, "square": square_of_driver}
    relative = options.relative and not driving.absolute
    motion_options = {"relative": relative, "adapt_scale": options.adapt_scale, "smooth": options.smooth}
    if options.best_frame:
        frames = driving_frames(driving, animator.size, **driven_by)
        motions = frames if driving.motion else map(animator.motion, frames)
        progress = Progress(motions, label="comparing", total=driving.length)
        canonical = getattr(animator.encode(face), "canonical", None)
        best, motion_options["initial"] = best_frame(animator.motion(face), progress, canonical=canonical)
        print(f"frame {best} is nearest to the portrait's pose")
    frames = driving_frames(driving, animator.size, **driven_by)
    detail = detail_of(source, animator.size, crop=options.crop) if options.detail else None
    shown = face if detail is None else detail
    compose = composer(source, shown, crop=options.crop, paste_back=options.paste_back, compare=options.compare)
    if square is not None and options.paste_back:
        compose = functools.partial(back_into, source, square)
    moving = results(animator, faces, frames, detail=detail, **motion_options, **special)
    progress = Progress(moving, label="animating", total=driving.length)
    with open_video(target, driving.rate, sound_from=driving.sound) as write:
        for result, frame in progress:
            write(compose(result, frame))
    print(f"wrote {target}: {progress.summary()}")


def _special_options(options: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `thf_jax.animate` for what single systems alone can do."""
    own = {name: value for name in _SPECIAL if (value := getattr(options, name))}
    return own | view_options(options) | portrait_options(options)


def _refuse_contradictions(options: argparse.Namespace) -> None:
    if options.mode and not options.relative:
        raise InputError(f"--mode {options.mode} carries motion over in its own way: leave --absolute out")
    for name, given in (("--adapt-scale", options.adapt_scale), ("--best-frame", options.best_frame)):
        if given and not options.relative:
            raise InputError(f"{name} shapes relative motion and means nothing with --absolute: leave one of them out")


def _refuse_overwriting(target: Path, *inputs: str | Path) -> None:
    for name in inputs:
        if target.resolve() == Path(name).resolve():
            raise InputError(f"{target} would take the place of what it is made from; choose another --output")
