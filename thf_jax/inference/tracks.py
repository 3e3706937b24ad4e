"""Drivers without pictures: a head pose a frame, or sound. They drive X2Face by linear maps to its code.

A pose track is a CSV file with a header that names at least the columns `roll`, `pitch` and `yaw`, in degrees and in
the sense of what the maps were fitted on; every further line is a frame. Sound is a file with sound in it, or an .npy
array of features of another kind, [t f], a row a frame, for a map that was fitted on these.
"""

import csv
import dataclasses
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thf_jax.errors import InputError
from thf_jax.inference.audio_features import NAME, SAMPLING, audio_features
from thf_jax.inference.driving import UNTIMED_RATE, Driving, open_driving
from thf_jax.inference.motion_files import MotionFile
from thf_jax.inference.sound import read_sound
from thf_jax.interop.code_files import read_codes
from thf_jax.models.animator import Animator
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes
from thf_jax.types import DrivingCode

POSE_SUFFIX = ".csv"
SOUND_SUFFIXES = frozenset({".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus"})
FEATURE_SUFFIX = ".npy"
COLUMNS = ("roll", "pitch", "yaw")


@dataclasses.dataclass(frozen=True)
class Track:
    """What drives, before it is known whom."""

    path: Path
    rate: Fraction
    maps: tuple[PoseCodes | AudioCodes, ...]
    """What leads to codes."""
    motions: Callable[[DrivingCode], DrivingCode]
    """The codes of all frames, [t c], of a source's own one."""


def open_driver(
    name: str | os.PathLike[str], codes: Sequence[str | os.PathLike[str]] = (), rate: Fraction | None = None
) -> Driving | Track:
    """What a command calls DRIVING: a clip, a motion file or a shipped motion, a pose track or sound.

    Raises:
        InputError: see `open_driving` and `open_track`; or `codes` or a `rate` for what is no track.
    """
    suffix = Path(name).suffix.lower()
    if suffix in (POSE_SUFFIX, FEATURE_SUFFIX) or suffix in SOUND_SUFFIXES:
        return open_track(name, codes, rate=UNTIMED_RATE if rate is None else rate)
    if codes or rate is not None:
        raise InputError(f"--codes and --rate go with a pose track (.csv) or sound (.wav), and {name} is neither")
    return open_driving(name)


def open_track(
    name: str | os.PathLike[str], codes: Sequence[str | os.PathLike[str]], *, rate: Fraction = UNTIMED_RATE
) -> Track:
    """The pose track or the sound in the file of that name.

    Args:
        codes: files of maps, as `experiments.fit_codes` writes them: one from head pose for a pose track; for sound
            one from sound, and if wanted one from head pose, with which the head keeps still.
        rate: frames a second.

    Raises:
        InputError: a file cannot be read or is of another kind, or a map is missing.
    """
    if rate <= 0:
        raise InputError(f"a track has more than 0 frames a second, not {float(rate):g}")
    path, files = Path(name), [read_codes(file) for file in codes]
    pose = next((file.codes for file in files if isinstance(file.codes, PoseCodes)), None)
    if path.suffix.lower() == POSE_SUFFIX:
        if pose is None:
            raise InputError(f"{path} is a pose track: give the map from head pose to codes with --codes")
        poses = jnp.asarray(_read_poses(path), jnp.float32)
        return Track(path, rate, (pose,), lambda rest: pose.turned(rest, poses))
    audio, feature = next((file for file in files if isinstance(file.codes, AudioCodes)), (None, None))
    if not isinstance(audio, AudioCodes):
        raise InputError(f"{path} is sound: give the map from sound to codes with --codes")
    rows = _features(path, rate, feature, audio.code_from_feature.shape[1])
    features = jnp.asarray(rows, jnp.float32)
    quietest = features[rows.sum(axis=1).argmin()]  # when the mouth is taken to be as in the source
    maps = (audio,) if pose is None else (audio, pose)
    return Track(path, rate, maps, lambda rest: audio.spoken(rest, features, quietest, pose=pose))


def drive(track: Track, animator: Animator, source: Any) -> Driving:
    """The track as motions of this model and source. They are absolute: what is relative to the source is in them.

    Raises:
        InputError: the model's system is another one than X2Face, or its codes have another length than the maps'.
    """
    if animator.system != "x2face":
        raise InputError(f"head pose and sound drive x2face alone, and the model is of {animator.system}")
    rest = animator.encode(source).motion
    for maps in track.maps:
        weights = maps.code_from_pose if isinstance(maps, PoseCodes) else maps.code_from_feature
        if weights.shape[0] != rest.code.shape[-1]:
            raise InputError(
                f"the {type(maps).__name__} are of {weights.shape[0]} numbers, and this model's codes have "
                f"{rest.code.shape[-1]}: fit them with the model that animates"
            )
    motions = jax.tree.map(np.asarray, track.motions(rest))
    file = MotionFile(animator.system, None, track.rate, animator.size, motions)
    voice = track.path if track.path.suffix.lower() in SOUND_SUFFIXES else None
    return Driving(track.path, track.rate, len(file), lambda: iter(file), file, absolute=True, voice=voice)


def _read_poses(path: Path) -> Float[np.ndarray, "t 3"]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = list(csv.DictReader(stream, skipinitialspace=True))
    except OSError as error:
        raise InputError(f"cannot read the pose track {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file ({error})") from error
    if not lines or any(column not in lines[0] for column in COLUMNS):
        raise InputError(f"the pose track {path} needs a header with {', '.join(COLUMNS)} and a line a frame")
    try:
        degrees = np.array([[float(line[column]) for column in COLUMNS] for line in lines])
    except (TypeError, ValueError) as error:
        raise InputError(f"the pose track {path} has something that is no number of degrees ({error})") from error
    if not np.isfinite(degrees).all():
        raise InputError(f"the pose track {path} has angles that are not finite")
    return np.deg2rad(degrees)


def _features(path: Path, rate: Fraction, kind: str | None, count: int) -> Float[np.ndarray, "t f"]:
    """`count` numbers a frame: those in an array, or, where they are of our own kind, those of the sound."""
    given = path.suffix.lower() == FEATURE_SUFFIX
    if not given and kind != NAME:
        raise InputError(f"the map takes features of the kind {kind!r}: give them as an .npy file in place of {path}")
    rows = _read_features(path) if given else audio_features(read_sound(path, SAMPLING), rate)
    if not len(rows):
        raise InputError(f"{path} is shorter than one frame")
    if rows.shape[1] != count:
        raise InputError(f"{path} has {rows.shape[1]} numbers a frame, and the map from sound takes {count}")
    return rows


def _read_features(path: Path) -> Float[np.ndarray, "t f"]:
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"cannot read the features {path}: {error}") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind != "f" or not np.isfinite(rows).all():
        raise InputError(f"the features {path} are no array [t f] of finite floating numbers, a row a frame")
    return rows
