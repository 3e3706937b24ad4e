"""The options of the free view: where a head looks, set by hand."""

import argparse
from typing import Any

ANGLES = ("yaw", "pitch", "roll")


def add_view_options(parser: argparse.ArgumentParser) -> None:
    """Add them, as a group of their own."""
    group = parser.add_argument_group(
        "free view", "for models whose motion is a head's (face_vid2vid, liveportrait); in degrees"
    )
    for name in ANGLES:
        group.add_argument(
            f"--{name}",
            type=float,
            metavar="DEG",
            help=f"the head's {name} in every frame; all three 0: straight ahead",
        )
    for name in ANGLES:
        group.add_argument(f"--{name}-offset", type=float, metavar="DEG", help=f"add this to the {name}")
    group.add_argument(
        "--lock",
        nargs="+",
        choices=ANGLES,
        metavar="ANGLE",
        help="angles that stay the portrait's own: yaw, pitch, roll",
    )
    group.add_argument(
        "--drive", choices=("all", "pose", "expression"), help="take over the driver's pose or expression alone (all)"
    )


def view_options(options: argparse.Namespace) -> dict[str, Any]:
    """The keywords of `animate` for what was given; empty where nothing was."""
    names = [*ANGLES, *(f"{name}_offset" for name in ANGLES), "lock", "drive"]
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}
