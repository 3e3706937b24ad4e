"""Motion as bits: exact after rounding, within half a step before, and much smaller than the numbers themselves."""

import json
import struct
import time
import tracemalloc
import zlib
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.errors import InputError
from thf_jax.inference.bit_stream import MAGIC, Steps, decode, encode, pack, quantised, unpack, unpacked
from thf_jax.inference.motion_files import MotionFile
from thf_jax.ops.rotation import angles_of, rotation_matrix
from thf_jax.types import HeadMotion, Keypoints

FRAMES, STEPS = 60, Steps()
RANDOM = np.random.default_rng(0)


def walk(*shape: int, size: float) -> np.ndarray:
    return np.cumsum(RANDOM.normal(0, size, (FRAMES, *shape)), axis=0).astype(np.float32)


ANGLES = walk(3, size=0.8)
HEADS = HeadMotion(
    np.asarray(rotation_matrix(*jnp.asarray(ANGLES.T))),
    walk(3, size=0.004),
    walk(15, 3, size=0.002),
    1 + walk(1, size=0.002),
)
POINTS = Keypoints(walk(10, 2, size=0.005), np.eye(2, dtype=np.float32) + walk(10, 2, 2, size=0.01))


def motion_file(motion) -> MotionFile:
    return MotionFile("face_vid2vid", "tiny", Fraction(30000, 1001), 256, motion)


@pytest.fixture
def round_trip(tmp_path):
    def run(motion, steps=STEPS):
        path = tmp_path / "nod.bits"
        path.write_bytes(pack(motion_file(motion), steps))
        return unpack(path)

    return run


@pytest.mark.parametrize("steps", [STEPS, Steps(angle=2.0, position=0.05)])
def test_a_head_arrives_within_half_a_step(round_trip, steps):
    file = round_trip(HEADS, steps)
    assert (file.system, file.model, file.rate, file.size) == ("face_vid2vid", "tiny", Fraction(30000, 1001), 256)
    for name in ("translation", "expression", "scale"):
        error = np.abs(getattr(file.motion, name) - getattr(HEADS, name)).max()
        assert steps.position / 4 < error <= steps.position / 2 + 1e-6
    angles = np.stack([np.asarray(angle) for angle in angles_of(jnp.asarray(file.motion.rotation))], -1)
    assert steps.angle / 4 < np.abs(angles - ANGLES).max() <= steps.angle / 2 + 1e-3


def test_keypoints_arrive_as_well(round_trip):
    motion = round_trip(POINTS).motion
    assert np.abs(motion.position - POINTS.position).max() <= STEPS.position / 2 + 1e-6
    assert np.abs(motion.jacobian - POINTS.jacobian).max() <= STEPS.matrix / 2 + 1e-6
    assert round_trip(Keypoints(POINTS.position)).motion.jacobian is None


def test_after_rounding_nothing_is_lost(round_trip):
    once = round_trip(HEADS).motion
    for name in ("translation", "expression", "scale"):
        expected = quantised(getattr(HEADS, name), STEPS.position) / 256
        np.testing.assert_array_equal(getattr(once, name), expected.astype(np.float32))
    twice = round_trip(once).motion
    np.testing.assert_allclose(twice.rotation, once.rotation, atol=1e-6)
    np.testing.assert_array_equal(twice.expression, once.expression)


def test_bits_are_far_fewer_than_those_of_the_numbers():
    """52 numbers of 16 bits would be 832 bits a frame."""
    content = pack(motion_file(HEADS))
    assert 8 * len(content) / FRAMES < 250
    still = jax.tree.map(lambda x: np.repeat(x[:1], 500, axis=0), HEADS)
    assert len(pack(motion_file(still))) < len(content) / 2


@pytest.mark.parametrize("position", [0, 3, 20, 200, -1])
def test_a_damaged_stream_is_refused(tmp_path, position):
    content = bytearray(pack(motion_file(HEADS)))
    content[position] ^= 1
    path = tmp_path / "nod.bits"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|no bit stream"):
        unpack(path)


def test_other_files_and_steps_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the bit stream .*: No such file"):
        unpack(tmp_path / "missing.bits")
    (tmp_path / "short.bits").write_bytes(b"thf bits")
    with pytest.raises(InputError, match="no bit stream of motion; `thf motion pack` makes one"):
        unpack(tmp_path / "short.bits")
    with pytest.raises(InputError, match="the angle step is above 0, not -1"):
        Steps(angle=-1.0)
    with pytest.raises(InputError, match="motion of the kind int is not packed"):
        pack(motion_file(3))


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": "0/1"},
        {"rate": "1/0"},
        {"size": "large"},
        {"frames": -1},
        {"frames": 10**9},
        {"fields": {"position": [10**6, 10**6]}},
        {"fields": [1, 2]},
        {"rate": "1e999999999"},
        {"kind": "Regions"},
        {"steps": {"angle": float("nan")}},
        {"steps": {"position": "1"}},
    ],
)
def test_a_header_that_means_nothing_is_refused(changes):
    """Its checksum is right: it was written so."""
    content = pack(motion_file(Keypoints(POINTS.position[:2])))
    with pytest.raises(InputError, match="nod is of another version of this program"):
        unpacked(with_header(content, lambda text: json.dumps(json.loads(text) | changes)), "nod")


def with_header(content: bytes, change) -> bytes:
    """The stream with its header's text changed, and the checksum that belongs to it."""
    begin = len(MAGIC) + 8
    (length,) = struct.unpack_from("<I", content, len(MAGIC))
    text = change(content[begin : begin + length].decode()).encode()
    body = text + content[begin + length :]
    return MAGIC + struct.pack("<II", len(text), zlib.crc32(body)) + body


def test_a_header_nested_without_end_is_refused():
    content = pack(motion_file(Keypoints(POINTS.position[:2])))
    with pytest.raises(InputError, match="nod is of another version of this program"):
        unpacked(with_header(content, lambda text: "[" * 10**5), "nod")


def test_a_few_bytes_hold_no_hours():
    """A header may promise any number of frames, but each takes a part of a byte at least."""
    content = pack(motion_file(Keypoints(np.zeros((2, 1, 2), np.float32))))
    claimed = with_header(content, lambda text: json.dumps(json.loads(text) | {"frames": 300_000}))
    start = time.monotonic()
    with pytest.raises(InputError, match="it has 300000 frames of 2 numbers"):
        unpacked(claimed, "nod")
    assert len(claimed) < 300 and time.monotonic() - start < 0.2


def test_decoding_takes_little_more_memory_than_the_numbers():
    numbers = {"scale": np.ones((3000, 1), np.int64)}
    stream = encode(numbers)
    assert len(stream) < 20
    tracemalloc.start()
    decoded = decode(stream, {"scale": (1,)}, 3000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(decoded["scale"], numbers["scale"])
    assert most < 2 * numbers["scale"].nbytes


def test_more_numbers_than_are_read_are_not_packed(monkeypatch):
    monkeypatch.setattr("thf_jax.inference.bit_stream.MOST_NUMBERS", 20 * FRAMES - 1)
    with pytest.raises(InputError, match="has 1200 numbers, and a stream holds at most 1199: cut the clip"):
        pack(motion_file(Keypoints(POINTS.position)))


@pytest.mark.parametrize("number", [1e12, np.nan, -np.inf])
def test_numbers_that_no_step_reaches_are_refused(number):
    with pytest.raises(InputError, match=r"not finite, or more than 2147483648 steps of 0\.5"):
        quantised(np.array([0.0, number]), 0.5)
