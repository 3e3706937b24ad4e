"""Motion as a stream of bits: what a video call has to send beside one picture (Wang et al. 2021, section 4.3).

A frame's numbers (of a head motion: yaw, pitch and roll, translation, expression and size; of keypoints: positions and
Jacobians) are rounded to multiples of a step. What was rounded is then coded without loss: the difference of each
number from that of the frame before, in the context of its field and of how much it changed there last, by the
adaptive coder of `range_coder`.

A `.bits` file is the eight bytes `thf bits`, the length of a header and the CRC-32 of header and stream (four bytes
each, the lowest first), the header in JSON, and the stream. The header repeats that of the motion file (`system`,
`model`, `kind`, `rate`, `frames`, `size`) and adds `fields` (the shape of each array in one frame) and `steps`.
"""

import dataclasses
import json
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from thf_jax.errors import InputError
from thf_jax.inference.motion_files import MotionFile, checked_motion
from thf_jax.inference.range_coder import MOST_BITS_A_BYTE, Decoder, Encoder, decode_integer, encode_integer
from thf_jax.ops.rotation import angles_of, rotation_matrix

MAGIC = b"thf bits"
SUFFIX = ".bits"
_KINDS = ("HeadMotion", "Keypoints")
MOST_NUMBERS = 2 * 10**7
"""In one stream, hours of motion: a header that was tampered with shall neither fill the memory nor take an hour."""
LARGEST = 2**31
"""No rounded number is larger than so many steps."""
_NAMES = ("yaw_pitch_roll", "position", "jacobian", "translation", "expression", "scale", "openness")


@dataclasses.dataclass(frozen=True)
class Steps:
    """What numbers are rounded to multiples of: no number that travels is off by more than half a step."""

    angle: float = 0.5
    """Degrees, of yaw, pitch and roll."""
    position: float = 1 / 256
    """Of every other number. Half of the picture is 1: this is half a pixel at 256 px."""
    matrix: float = 1 / 64
    """Of the entries of Jacobians."""

    def __post_init__(self) -> None:
        """Refuses what nothing can be rounded to."""
        for field in dataclasses.fields(self):
            step = getattr(self, field.name)
            if isinstance(step, bool) or not isinstance(step, int | float) or not 0 < step < np.inf:
                raise InputError(f"the {field.name} step is above 0, not {step}")

    def of(self, name: str) -> float:
        """The step of a field."""
        return {"yaw_pitch_roll": self.angle, "jacobian": self.matrix}.get(name, self.position)


def pack(file: MotionFile, steps: Steps = Steps()) -> bytes:
    """The motion file's motion as the content of a `.bits` file.

    Raises:
        InputError: motion of a kind, or with a field, that no stream holds; numbers too large for their step, or more
            than `MOST_NUMBERS` of them.
    """
    fields = _travelling(file.motion)
    numbers = sum(values.size for values in fields.values())
    if numbers > MOST_NUMBERS:
        raise InputError(f"the motion has {numbers} numbers, and a stream holds at most {MOST_NUMBERS}: cut the clip")
    header = {
        "system": file.system,
        "model": file.model,
        "kind": type(file.motion).__name__,
        "rate": f"{file.rate.numerator}/{file.rate.denominator}",
        "frames": len(file),
        "size": file.size,
        "fields": {name: values.shape[1:] for name, values in fields.items()},
        "steps": dataclasses.asdict(steps),
    }
    text = json.dumps(header).encode()
    stream = encode({name: quantised(values, steps.of(name)) for name, values in fields.items()})
    return MAGIC + struct.pack("<II", len(text), zlib.crc32(text + stream)) + text + stream


def unpack(path: str | os.PathLike[str]) -> MotionFile:
    """The motion in a `.bits` file, every number rounded as the file says.

    Raises:
        InputError: the file cannot be read, is none of this kind, or is damaged.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the bit stream {path}: {error.strerror}") from error
    return unpacked(data, str(path))


def unpacked(data: bytes, title: str) -> MotionFile:
    """The motion in the content of a `.bits` file; `title` is what the sentence of an error calls it.

    Raises:
        InputError: it is none of this kind, or damaged.
    """
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 8:
        raise InputError(f"{title} is no bit stream of motion; `thf motion pack` makes one of a motion file")
    length, checksum = struct.unpack_from("<II", data, len(MAGIC))
    body = data[len(MAGIC) + 8 :]
    if zlib.crc32(body) != checksum:
        raise InputError(f"the bit stream {title} is damaged: its checksum is another")
    try:
        header = json.loads(body[:length])
        shapes = {name: tuple(shape) for name, shape in header["fields"].items()}
        steps, frames = Steps(**header["steps"]), header["frames"]
        numbers = sum(map(math.prod, shapes.values()))
        # Every number takes a bit, and one byte at the end may be left out.
        room = (len(body) - length + 1) * MOST_BITS_A_BYTE
        if type(frames) is not int or not 0 < frames * numbers <= min(room, MOST_NUMBERS):
            raise ValueError(f"it has {frames} frames of {numbers} numbers")
        whole = decode(body[length:], shapes, frames)
        arrays = _arrived(header["kind"], {name: values * steps.of(name) for name, values in whole.items()})
        return checked_motion(header, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise InputError(f"the bit stream {title} is of another version of this program: {error}") from error


def quantised(values: np.ndarray, step: float) -> Int[np.ndarray, "frames *shape"]:
    """Each number as the nearest multiple of the step.

    Raises:
        InputError: a number is not finite, or more steps away from 0 than `LARGEST`.
    """
    multiples = np.rint(np.asarray(values, np.float64) / step)
    if not (np.abs(multiples) <= LARGEST).all():
        raise InputError(f"a number of the motion is not finite, or more than {LARGEST} steps of {step} away from 0")
    return multiples.astype(np.int64)


def encode(fields: dict[str, np.ndarray]) -> bytes:
    """Whole numbers [frames ...] by field as a stream, frame after frame."""
    encoder = Encoder()
    walks = [(name, _Walk(name, values[0].size), values.reshape(len(values), -1)) for name, values in fields.items()]
    for frame in range(len(next(iter(fields.values())))):
        for _, walk, rows in walks:
            walk.send(encoder, rows[frame])
    return encoder.finish()


def decode(stream: bytes, shapes: dict[str, tuple[int, ...]], frames: int) -> dict[str, np.ndarray]:
    """What `encode` made the stream of, given the shape of each field in one frame and the number of frames."""
    decoder = Decoder(stream)
    walks = {name: _Walk(name, int(np.prod(shape))) for name, shape in shapes.items()}
    rows = {name: np.empty((frames, int(np.prod(shape))), np.int64) for name, shape in shapes.items()}
    for frame in range(frames):
        for name, walk in walks.items():
            rows[name][frame] = walk.receive(decoder)
    return {name: rows[name].reshape(frames, *shape) for name, shape in shapes.items()}


class _Walk:
    """The numbers of one field from frame to frame: the last values, and how each of them changed last."""

    def __init__(self, name: str, count: int):
        self._name, self._values, self._changes = name, np.zeros(count, np.int64), np.zeros(count, np.int64)

    def send(self, encoder: Encoder, values: np.ndarray) -> None:
        for index, change in enumerate(values - self._values):
            encode_integer(encoder, int(change), self._context(index))
        self._follow(values)

    def receive(self, decoder: Decoder) -> np.ndarray:
        changes = [decode_integer(decoder, self._context(index)) for index in range(len(self._values))]
        self._follow(self._values + np.array(changes, np.int64))
        return self._values

    def _context(self, index: int) -> tuple[str, int]:
        return self._name, min(abs(int(self._changes[index])), 3)

    def _follow(self, values: np.ndarray) -> None:
        self._values, self._changes = values, values - self._values


def _travelling(motion: Any) -> dict[str, np.ndarray]:
    """The arrays of a motion that are sent, each [frames ...]."""
    kind = type(motion).__name__
    if kind not in _KINDS:
        raise InputError(f"motion of the kind {kind} is not packed; {' and '.join(_KINDS)} are")
    fields = {field.name: getattr(motion, field.name) for field in dataclasses.fields(motion)}
    if kind == "HeadMotion":
        angles = angles_of(jnp.asarray(fields.pop("rotation")))
        fields = {"yaw_pitch_roll": np.stack([np.asarray(angle) for angle in angles], -1), **fields}
    found = {name: np.asarray(values) for name, values in fields.items() if values is not None}
    if other := sorted(set(found) - set(_NAMES)):
        raise InputError(f"motion with {' and '.join(other)} is not packed: a stream holds {', '.join(_NAMES)}")
    return found


def _arrived(kind: str, fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of the motion that these were sent for."""
    values = {name: np.asarray(array, np.float32) for name, array in fields.items()}
    if kind == "HeadMotion":
        yaw, pitch, roll = jnp.moveaxis(jnp.asarray(values.pop("yaw_pitch_roll")), -1, 0)
        values["rotation"] = np.asarray(rotation_matrix(yaw, pitch, roll))
    return values
