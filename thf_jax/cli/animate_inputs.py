"""What `thf animate` makes of its inputs: squares around faces, and motion and pictures that fit the model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thf_jax.errors import InputError

if TYPE_CHECKING:
    from thf_jax.inference.driving import Driving
    from thf_jax.inference.face_square import FaceSquare
    from thf_jax.inference.landmarks import LandmarkProvider
    from thf_jax.inference.motion_files import MotionFile
    from thf_jax.inference.tracks import Track
    from thf_jax.models.animator import Animator


def portrait_square(options: argparse.Namespace, see: LandmarkProvider | None, source: Any) -> FaceSquare | None:
    """The square around the portrait's face, where landmarks tell it and it is asked for."""
    from thf_jax.inference.face_square import find_square

    return find_square(see, source) if see is not None and options.crop else None


def driving_square(options: argparse.Namespace, see: LandmarkProvider | None, driving: Driving) -> FaceSquare | None:
    """The one square around the driver's face in all frames, where landmarks tell it and it is asked for."""
    from thf_jax.cli.progress import Progress
    from thf_jax.inference.face_square import find_driving_square

    if see is None or not options.crop_driving or driving.motion is not None:
        return None
    return find_driving_square(see, Progress(driving.frames(), label="looking for faces", total=driving.length))


def back_into(source: Any, square: FaceSquare, result: Any, _: Any) -> Any:
    """The portrait with the result in the place of its face."""
    from thf_jax.inference.warp_affine import paste_face

    return paste_face(source, result, square)


def takes_several(system: str, others: list[Any]) -> bool:
    """Whether there are further pictures, and the system takes them."""
    from thf_jax.models import SEVERAL_SOURCES

    if others and system not in SEVERAL_SOURCES:
        systems = " and ".join(SEVERAL_SOURCES)
        raise InputError(f"--source-also is for {systems}, and the model is of {system}: give one picture alone")
    return bool(others)


def bound(driver: Driving | Track, model: str, animator: Animator, faces: Any) -> Driving:
    """What drives this model with these pictures of the source."""
    from thf_jax.inference.tracks import Track, drive

    if isinstance(driver, Track):
        return drive(driver, animator, faces)
    if driver.motion is not None:
        _check_fit(driver.motion, model, animator.system)
    return driver


def _check_fit(motion: MotionFile, model: str, system: str) -> None:
    """Refuse motion of another system, and warn of another model's: its keypoints may sit elsewhere on the face."""
    if motion.system != system:
        raise InputError(
            f"the motion is of the system {motion.system}, but the model {model} is of {system}: "
            f"choose a model of {motion.system} with --model"
        )
    name = Path(model).resolve().name
    if motion.model not in (None, name):
        print(
            f"note: the motion was extracted with the model {motion.model}; {name} may read it otherwise",
            file=sys.stderr,
        )
