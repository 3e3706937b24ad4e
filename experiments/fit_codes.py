"""Fit the linear maps that let head pose or sound drive an X2Face model, or take over the published ones.

python -m experiments.fit_codes --what pose --model DIR --data moving_heads --output pose.npz
python -m experiments.fit_codes --what audio --model DIR --data clips --output audio.npz
python -m experiments.fit_codes --what pose --published posereg.pth posetobottle.pth --output pose.npz
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data_pipelines.clips import list_clips, open_clip
from data_pipelines.datasets import open_dataset
from data_pipelines.pose_labels import clip_pose
from experiments.command import command_parser, run_command
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.inference.audio_features import NAME, SAMPLING, audio_features
from thf_jax.inference.code_fitting import explained, fit_audio_codes, fit_pose_codes
from thf_jax.inference.crop import look
from thf_jax.inference.driving import UNTIMED_RATE
from thf_jax.inference.load import load
from thf_jax.inference.outputs import check_output
from thf_jax.inference.sound import read_sound
from thf_jax.interop.code_files import SUFFIX, write_codes
from thf_jax.interop.x2face_codes import PUBLISHED_FEATURE, published_audio_codes, published_pose_codes
from thf_jax.models.animator import Animator
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes

RIDGE = 1e-3
CHUNK = 32
"""Frames that are read by the model at once."""


def options() -> Parser:
    """The command's options."""
    parser = command_parser("fit_codes", __doc__)
    parser.add_argument("--what", required=True, choices=["pose", "audio"])
    parser.add_argument("--model", help="an X2Face model directory or training workdir")
    parser.add_argument("--data", help="pose: moving_heads or a dataset with labels; audio: a folder of clips a split")
    parser.add_argument("--data_dir", help="where built datasets lie, if --data is a name")
    parser.add_argument("--split", default="train")
    parser.add_argument(
        "--ridge", type=float, help=f"the penalty, relative to the variances ({RIDGE} where none is given)"
    )
    parser.add_argument("--published", nargs="+", metavar="FILE", help="the authors' files, in place of model and data")
    parser.add_argument("--output", required=True, type=Path, help="an npz file, for `thf animate --codes`")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Fit, say how well the maps explain what they were fitted on, and write them."""
    output = check_output(arguments.output, (SUFFIX,))
    if arguments.published:
        _refuse_beside_published(arguments, output)
    codes = _published(arguments.what, arguments.published) if arguments.published else _fitted(arguments)
    feature = PUBLISHED_FEATURE if arguments.published else NAME
    feature = feature if arguments.what == "audio" else None
    print(f"wrote {write_codes(output, codes, feature=feature)}")


def _refuse_beside_published(arguments: argparse.Namespace, output: Path) -> None:
    for name in ("model", "data", "ridge"):
        if getattr(arguments, name) is not None:
            raise InputError(f"--{name} is for fitting, and --published fits nothing: leave one of them out")
    if output.resolve() in [Path(file).resolve() for file in arguments.published]:
        raise InputError(f"{output} would take the place of what it is made from; choose another --output")


def _published(what: str, files: list[str]) -> PoseCodes | AudioCodes:
    if what == "pose":
        return published_pose_codes(files)
    if len(files) != 1:
        raise InputError(f"the published map from sound is one file, not {len(files)}")
    return published_audio_codes(files[0])


def _fitted(arguments: argparse.Namespace) -> PoseCodes | AudioCodes:
    if not arguments.model or not arguments.data:
        raise InputError("fitting takes --model and --data; --published takes over the authors' files in their place")
    strength = RIDGE if arguments.ridge is None else arguments.ridge
    if not 0 <= strength < float("inf"):
        raise InputError(f"--ridge is 0 or more, not {strength}")
    animator = load(arguments.model)
    if animator.system != "x2face":
        raise InputError(f"codes are x2face's, and the model {arguments.model} is of {animator.system}")
    pairs = (_with_pose if arguments.what == "pose" else _with_sound)(animator, arguments)
    codes, others = zip(*tqdm(pairs, unit="clip", disable=not sys.stderr.isatty()), strict=True)
    print(f"{sum(map(len, codes))} frames of {len(codes)} clips")
    if arguments.what == "audio":
        audio = fit_audio_codes(codes, others, strength=strength)
        rectified = [np.maximum(rows, 0) for rows in codes]
        share = explained(others, rectified, lambda rows: rows @ np.asarray(audio.code_from_feature).T)
        print(f"sound explains {share:.1%} of how codes vary within clips")
        return audio
    pose = fit_pose_codes(codes, others, strength=strength)
    to, back = np.asarray(pose.pose_from_code), np.asarray(pose.code_from_pose)
    print(f"the code explains {explained(codes, others, lambda rows: rows @ to.T):.1%} of how heads turn within clips")
    print(
        f"the pose explains {explained(others, codes, lambda rows: rows @ back.T):.1%} of how codes vary within clips"
    )
    return pose


def _with_pose(animator: Animator, arguments: argparse.Namespace) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The codes of each clip, and roll, pitch and yaw in radians; frames of unknown pose are passed over."""
    dataset = open_dataset(arguments.data, arguments.split, data_dir=arguments.data_dir, size=animator.size)
    unknown = True
    for clip in dataset.clips:
        pose = clip_pose(dataset, clip)
        known = [bool(np.isfinite(angles).all()) for angles in pose]
        if any(known):
            unknown = False
            frames = itertools.compress(dataset.frames(clip), known)
            yield _codes(animator, frames), np.deg2rad(pose[known, ::-1])
    if unknown:
        raise InputError(f"the split {arguments.split} of {arguments.data} has no frame whose head pose is known")


def _with_sound(animator: Animator, arguments: argparse.Namespace) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The codes of each clip, and the features of its sound; clips without sound are passed over."""
    folder, silent = Path(arguments.data) / arguments.split, True
    for path in list_clips(folder):
        try:
            sound = read_sound(path, SAMPLING)
        except InputError as error:
            print(f"passed over: {error}", file=sys.stderr)
            continue
        silent, clip = False, open_clip(path, steady=True)
        codes = _codes(animator, (look(frame, animator.size, crop=True) for frame in clip.frames()))
        yield codes, audio_features(sound, clip.rate or UNTIMED_RATE, len(codes))
    if silent:
        raise InputError(f"the folder {folder} has no clip with sound")


def _codes(animator: Animator, frames: Iterable[Any]) -> np.ndarray:
    """The raw codes of frames, [t c]."""
    pictures, found = list(frames), []
    for start in range(0, len(pictures), CHUNK):
        part = pictures[start : start + CHUNK]
        # The last part is filled up, since another size would be compiled anew.
        filled = np.stack(part + [part[-1]] * (CHUNK - len(part)))
        found.append(np.asarray(animator.motion(filled).code)[: len(part)])
    return np.concatenate(found)


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("fit_codes", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
