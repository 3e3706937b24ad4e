"""`thf demo`: the shipped portrait moved by the shipped motion."""

import argparse
from typing import Any

PANELS = 4
"""Moments of the clip in the picture, beside the portrait."""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    text = (
        "Animate the shipped portrait with the shipped motion and model; write a video and a picture of a few moments."
    )
    parser = subparsers.add_parser("demo", help="try it on what is shipped", description=text)
    parser.add_argument(
        "-o",
        "--output",
        default="demo.mp4",
        help="the video (%(default)s); the picture is demo.png beside it, of NAME.mp4 NAME.demo.png",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the video and the picture."""
    import time
    from pathlib import Path

    import numpy as np
    from PIL import Image

    from thf_jax.cli.compilation_cache import keep_compiled_programs
    from thf_jax.cli.progress import Progress
    from thf_jax.inference import assets
    from thf_jax.inference.container import FORMS
    from thf_jax.inference.crop import look
    from thf_jax.inference.driving import read_source
    from thf_jax.inference.film import detail_of, results
    from thf_jax.inference.load import load
    from thf_jax.inference.motion_files import read_motion
    from thf_jax.inference.outputs import appearing, check_output
    from thf_jax.inference.video import open_video

    start = time.perf_counter()
    target = check_output(options.output, tuple(FORMS))
    # A picture beside portrait.mp4 may well be portrait.png.
    still = check_output(
        target.with_name("demo.png" if target.stem == "demo" else f"{target.stem}.demo.png"), (".png",)
    )
    motion = read_motion(assets.motion_path(assets.default_motion()))
    keep_compiled_programs()
    animator = load(motion.model or assets.default_model())
    portrait = read_source(assets.portrait_path())
    detail = detail_of(portrait, animator.size, crop=True)
    face = look(portrait, animator.size, crop=True)

    moments = {round(moment) for moment in np.linspace(0, len(motion) - 1, PANELS)}
    panels = [face if detail is None else detail]
    progress = Progress(results(animator, face, motion, detail=detail), label="animating", total=len(motion))
    with open_video(target, motion.rate) as write:
        for index, (picture, _) in enumerate(progress):
            write(picture)
            if index in moments:
                panels.append(picture)
    with appearing(still) as partial:
        Image.fromarray(np.concatenate(panels, axis=1)).save(partial)
    print(f"wrote {Path(target).resolve()}: {progress.summary()}")
    print(f"wrote {Path(still).resolve()}: the portrait, then {len(panels) - 1} moments of the video")
    print(f"done in {time.perf_counter() - start:.1f} s")
