"""Clips of drawn heads with a voice, for trying things out and for pictures that may be shown to anybody.

python -m experiments.draw_heads --output clips [--clips 8]
"""

from __future__ import annotations

import argparse
import csv
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16

from data_pipelines.moving_heads import EXPRESSION, POSE, clip_frames, clip_labels
from data_pipelines.moving_heads.clips import CLIPS_PER_IDENTITY, FIRST_CLIP, MINIMUM_SIZE, clip_identity
from data_pipelines.moving_heads.motion import FRAME_RATE
from experiments.command import check_least, command_parser, run_command
from thf_jax.cli.parser import Parser
from thf_jax.inference.audio_features import SAMPLING
from thf_jax.inference.outputs import appearing, check_output
from thf_jax.inference.tracks import COLUMNS
from thf_jax.inference.video import write_video

RATE = Fraction(FRAME_RATE)
PITCH = 140.0
"""Of the voice, in Hz."""
HARMONICS = 20


def options() -> Parser:
    """The command's options."""
    parser = command_parser("draw_heads", __doc__)
    parser.add_argument("--output", required=True, type=Path, help="a new folder, for a folder of clips a split")
    parser.add_argument(
        "--split", nargs="+", choices=sorted(FIRST_CLIP), default=["eval"], help="by default eval alone"
    )
    parser.add_argument("--clips", type=int, default=8, help="of a split; two neighbours show one person (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first clip in its split (%(default)s)")
    parser.add_argument("--frames", type=int, default=100, help="of a clip, 25 a second (%(default)s)")
    parser.add_argument("--size", type=int, default=256, help="of a picture, in pixels (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all people (%(default)s)")
    return parser


def voice(openness: Float[np.ndarray, " frames"]) -> Int16[np.ndarray, " samples"]:
    """A hum that grows loud and bright as the mouth opens, `SAMPLING` numbers a second; silence at a closed mouth.

    Args:
        openness: of the mouth in [0, 1], a number for each frame.
    """
    seconds = np.arange(int(len(openness) * SAMPLING / RATE)) / SAMPLING
    mouth = np.interp(seconds, (np.arange(len(openness)) + 0.5) / float(RATE), openness)
    number = np.arange(1, HARMONICS + 1)[:, None]
    shares = np.exp(-number * (0.8 - 0.6 * mouth))
    hum = (shares * np.sin(2 * np.pi * PITCH * number * seconds)).sum(0) / shares.sum(0)
    return np.rint(np.clip(mouth * hum, -1, 1) * (2**15 - 1)).astype(np.int16)


def write_clip(place: Path, seed: int, index: int, *, size: int, frames: int) -> None:
    """An mp4 at `place`, a wav with its voice, and a csv with roll, pitch and yaw in degrees, a line a frame."""
    labels = clip_labels(seed, index, length=frames)
    sound = place.with_suffix(".wav")
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, SAMPLING, 0, "NONE", ""))
        file.writeframes(voice(labels.expression[:, EXPRESSION.index("mouth")]).tobytes())
    pictures = clip_frames(seed, index, size=size, length=frames)
    write_video(place.with_suffix(".mp4"), pictures, RATE, sound_from=sound)
    with place.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([f"{frame[POSE.index(angle)]:.2f}" for angle in COLUMNS] for frame in labels.pose)


def run(arguments: argparse.Namespace) -> None:
    """Write the folder."""
    check_least(arguments, clips=1, first=0, frames=1, size=MINIMUM_SIZE, seed=0)
    output = check_output(arguments.output, ("",))
    with appearing(output) as folder:
        for split in dict.fromkeys(arguments.split):
            (folder / split).mkdir(parents=True)
            for number in range(arguments.first, arguments.first + arguments.clips):
                person, clip = clip_identity(number), number % CLIPS_PER_IDENTITY
                place = folder / split / f"{split}{person:04d}_{clip}"
                index = FIRST_CLIP[split] + number
                write_clip(place, arguments.seed, index, size=arguments.size, frames=arguments.frames)
                print(f"{split}: {number + 1 - arguments.first} of {arguments.clips} clips", file=sys.stderr)
    print(f"wrote {output}")


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("draw_heads", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
