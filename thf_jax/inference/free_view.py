"""The free view: where a head looks, and what of the driver it takes over, set by hand.

Everything here changes the motion that is about to be rendered, after relative motion was carried over: the angles that
a user names are those of the result. It is for systems whose motion is a `HeadMotion`.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from thf_jax.errors import InputError, nearest
from thf_jax.interop.shapes import complete
from thf_jax.models.animator import Animator
from thf_jax.ops.rotation import angles_of, rotation_matrix
from thf_jax.types import HeadMotion

ANGLES: tuple[str, ...] = ("yaw", "pitch", "roll")
PARTS = ("all", "pose", "expression")
OPTIONS = (*ANGLES, *(f"{name}_offset" for name in ANGLES), "lock", "drive")
SYSTEMS = ("face_vid2vid", "liveportrait")
"""Those whose motion is a HeadMotion."""


def seen_from(
    motion: HeadMotion,
    source: HeadMotion,
    angles: Mapping[str, float | Array],
    offsets: Mapping[str, float | Array],
    *,
    lock: Collection[str] = (),
    drive: str = "all",
    order: str,
    pi: float,
) -> HeadMotion:
    """The motion with its head turned by hand.

    Args:
        motion: about to be rendered.
        source: the source's own.
        angles: in degrees, those of the result by name; all three 0 make the head look straight ahead. Trained models
            hold up to about 45 degrees of yaw and 20 of pitch and roll.
        offsets: what is added to the angles by name.
        lock: the names of angles that stay the source's own.
        drive: what is taken from the driver: `all`, the `pose` (rotation, translation, size) or the `expression`.
        order, pi: how the model composes rotations, see `ops.rotation.rotation_matrix`.
    """
    if drive == "pose":
        motion = dataclasses.replace(motion, expression=source.expression)
    elif drive == "expression":
        motion = dataclasses.replace(source, expression=motion.expression)
    if not (angles or offsets or lock):
        # Taken apart and composed again, the rotation would be the same but for rounding.
        return motion
    own, turned = (
        dict(zip(ANGLES, angles_of(one.rotation, order=order, pi=pi), strict=True)) for one in (source, motion)
    )
    turned |= {name: own[name] for name in lock}
    turned |= {name: jnp.full_like(turned[name], angle) for name, angle in angles.items()}
    turned |= {name: turned[name] + offset for name, offset in offsets.items()}
    return dataclasses.replace(motion, rotation=rotation_matrix(**turned, order=order, pi=pi))


_seen_from = jax.jit(seen_from, static_argnames=("lock", "drive", "order", "pi"))


def viewer(animator: Animator, options: Mapping[str, Any]) -> Callable[[HeadMotion, HeadMotion], HeadMotion]:
    """What changes a motion, given the source's own as well, as these options of `animate` want it.

    Args:
        options: some of `OPTIONS`. An angle is in degrees; None leaves it alone.

    Raises:
        InputError: the model's motion is no HeadMotion, or an option's value is wrong.
    """
    parts = complete(animator.system, animator.settings).values()
    turning = next((part for part in parts if part and "order" in part), None)
    if turning is None:
        raise InputError(f"a model of {animator.system} has no angles to set; those of {', '.join(SYSTEMS)} have them")
    lock, drive = options.get("lock") or (), options.get("drive") or "all"
    lock = (lock,) if isinstance(lock, str) else tuple(lock)
    angles = {name: _degrees(name, options[name]) for name in ANGLES if options.get(name) is not None}
    offsets = {name: options.get(f"{name}_offset") for name in ANGLES}
    offsets = {name: _degrees(f"{name}_offset", value) for name, value in offsets.items() if value is not None}
    for name in lock:
        if name not in ANGLES:
            raise InputError(f"there is no angle named {name!r} to lock{nearest(name, ANGLES)}")
        if name in angles:
            raise InputError(f"{name} is both locked and set to {angles[name]:g}: leave one of them out")
    if drive not in PARTS:
        raise InputError(f"what is driven is one of {', '.join(PARTS)}, not {drive!r}")
    return functools.partial(
        _seen_from,
        angles=angles,
        offsets=offsets,
        lock=lock,
        drive=drive,
        order=turning["order"],
        pi=turning["pi"],
    )


def _degrees(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 360:
        raise InputError(f"{name} is an angle in degrees from -360 to 360, not {value!r}")
    return float(value)
