"""The options of LivePortrait: what is driven, how far, and what is corrected."""

import argparse
from typing import Any

from thf_jax.errors import InputError

_PLAIN = ("region", "multiplier", "stitching", "retarget", "keep_motion", "normalize_lips", "rescale")


def add_portrait_options(parser: argparse.ArgumentParser) -> None:
    """Add them, as a group of their own."""
    group = parser.add_argument_group("LivePortrait", "for models of the system liveportrait")
    group.add_argument(
        "--region",
        nargs="+",
        metavar="PART",
        help="drive these parts alone: expression, whole_expression, pose, scale, lips, eyes; or all (default)",
    )
    group.add_argument("--multiplier", type=float, metavar="X", help="lengthen the way from the portrait by this (1)")
    group.add_argument(
        "--stitching",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="keep neck and shoulders where they are (default)",
    )
    group.add_argument(
        "--control",
        action="append",
        metavar="NAME=X",
        help="change the expression: smile=0.5, wink=20, gaze_x=-10 and others; may be repeated",
    )
    group.add_argument(
        "--rescale", action="store_const", const=True, help="scale motion by the faces' sizes, as for animals"
    )
    group.add_argument(
        "--neutral", metavar="FILE", help="lip_array.pkl of the original: what one driving picture is compared with"
    )
    group.add_argument(
        "--landmarks",
        metavar="MODULE:FUNCTION",
        help="a function that finds a face's landmarks in a picture: crops to the face, and serves the options below",
    )
    group.add_argument(
        "--crop-driving", action="store_true", help="crop the driving clip to its face, by one square for all frames"
    )
    group.add_argument(
        "--moving-source", action="store_true", help="animate all frames of SOURCE, a clip, each in its own pose"
    )
    group.add_argument(
        "--retarget", nargs="+", choices=("eyes", "lips"), help="open eyes or lips as far as the driver's are, alone"
    )
    group.add_argument("--keep-motion", action="store_const", const=True, help="and keep all other motion")
    group.add_argument("--normalize-lips", action="store_const", const=True, help="begin with the lips closed")


def portrait_options(options: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `animate` for what was given; empty where nothing was.

    Raises:
        InputError: a file or function that was named is not there, or a control that is no number.
    """
    from thf_jax.inference.landmarks import load_provider
    from thf_jax.interop.liveportrait_templates import read_neutral

    found = {name: getattr(options, name) for name in _PLAIN if getattr(options, name) is not None}
    if options.control:
        found["controls"] = dict(map(_control, options.control))
    if options.neutral:
        found["neutral"] = read_neutral(options.neutral)
    if options.crop_driving and not options.landmarks:
        raise InputError("--crop-driving looks for the driver's face: say with --landmarks how")
    if options.landmarks:
        found["landmarks"] = load_provider(options.landmarks)
    return found


def _control(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InputError(f"--control is written NAME=NUMBER, as in smile=0.5, not {text!r}") from None
