"""Motion files: round trips, reading with numpy alone, and files that are something else."""

import io
import json
import time
import tracemalloc
import zipfile
from fractions import Fraction

import numpy as np
import pytest

from tests.inference.samples import write_clip
from thf_jax.errors import InputError
from thf_jax.inference.motion_files import read_motion, write_motion
from thf_jax.types import DrivingCode, Keypoints

RATE = Fraction(30000, 1001)


def keypoints(count: int, *, jacobian: bool = True) -> list[Keypoints]:
    """A slow random walk of ten keypoints: as hard to compress as real motion."""
    random = np.random.default_rng(0)
    position = np.cumsum(random.normal(0, 0.01, (count, 10, 2)), axis=0).astype(np.float32)
    matrices = np.eye(2) + np.cumsum(random.normal(0, 0.01, (count, 10, 2, 2)), axis=0)
    return [Keypoints(p, j if jacobian else None) for p, j in zip(position, matrices.astype(np.float32), strict=True)]


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "nod.motion"
    write_motion(path, iter(keypoints(7)), system="fomm", rate=RATE, size=64, model="tiny")
    return path


def test_what_was_written_is_read_to_the_last_bit(written):
    file = read_motion(written)
    assert (file.system, file.model, file.rate, file.size, len(file)) == ("fomm", "tiny", RATE, 64, 7)
    for expected, motion in zip(keypoints(7), file, strict=True):
        np.testing.assert_array_equal(motion.position, expected.position)
        np.testing.assert_array_equal(motion.jacobian, expected.jacobian)
    np.testing.assert_array_equal(file.initial.position, keypoints(7)[0].position)


def test_an_absent_field_stays_absent(tmp_path):
    path = tmp_path / "nod.motion"
    write_motion(path, keypoints(3, jacobian=False), system="fomm", rate=25.0, size=64)
    file = read_motion(path)
    assert file.motion.jacobian is None and next(iter(file)).jacobian is None
    assert file.model is None


def test_codes_are_kept_as_keypoints_are(tmp_path):
    path, codes = tmp_path / "nod.motion", np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    write_motion(path, map(DrivingCode, codes), system="x2face", rate=25.0, size=64)
    file = read_motion(path)
    assert isinstance(file.motion, DrivingCode) and (file.system, len(file)) == ("x2face", 4)
    np.testing.assert_array_equal(file.motion.code, codes)
    np.testing.assert_array_equal(file.initial.code, codes[0])


def test_numpy_alone_reads_it(written):
    with np.load(written, allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
        position, jacobian = archive["position"], archive["jacobian"]
    assert header == {
        "format": "thf_jax motion",
        "version": 1,
        "system": "fomm",
        "model": "tiny",
        "kind": "Keypoints",
        "rate": "30000/1001",
        "frames": 7,
        "size": 64,
        "initial": 0,
        "axes": {"position": ["frame", "keypoint", "xy"], "jacobian": ["frame", "keypoint", "row", "column"]},
    }
    np.testing.assert_array_equal(position, [motion.position for motion in keypoints(7)])
    np.testing.assert_array_equal(jacobian, [motion.jacobian for motion in keypoints(7)])


def test_it_is_smaller_than_the_clip(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", count=50, height=256, width=256)
    write_motion(tmp_path / "clip.motion", keypoints(50), system="fomm", rate=25.0, size=256)
    assert (tmp_path / "clip.motion").stat().st_size < clip.stat().st_size


def test_an_error_on_the_way_leaves_nothing_behind(tmp_path):
    def breaking():
        yield from keypoints(2)
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError, match="torn"):
        write_motion(tmp_path / "nod.motion", breaking(), system="fomm", rate=25.0, size=64)
    assert list(tmp_path.iterdir()) == []


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no frame"):
        write_motion(tmp_path / "nod.motion", [], system="fomm", rate=25.0, size=64)


@pytest.mark.parametrize("name", ["missing/nod.motion", "nod.npz", "folder.motion"])
def test_an_unwritable_path_is_refused(tmp_path, name):
    (tmp_path / "folder.motion").mkdir()
    with pytest.raises(InputError):
        write_motion(tmp_path / name, keypoints(1), system="fomm", rate=25.0, size=64)


def change_header(path, **changes):
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    header = {**json.loads(str(arrays.pop("header"))), **changes}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": "other"}, "is not a motion file"),
        ({"version": 2}, "of version 2, and this program reads version 1"),
        ({"frames": 8}, r"is damaged: position holds float32 \[7, 10, 2\]"),
        ({"rate": "0/1"}, "is damaged"),
        ({"rate": "1/0"}, "is damaged"),
        ({"rate": "fast"}, "is damaged"),
        ({"rate": "1e9"}, "is damaged: it has 7 frames at 1e9 a second"),
        ({"rate": "1" * 10}, "is damaged"),
        ({"rate": "25/" + "1" * 10}, "is damaged"),
        ({"frames": -7}, "is damaged: it has -7 frames"),
        ({"rate": float("inf")}, "is damaged: its rate is inf"),
        ({"system": None}, "is damaged: its system is None"),
        ({"model": 7}, "is damaged: its model is 7"),
        ({"version": None}, "of version None"),
        ({"kind": "Regions"}, "is damaged: it lacks, or does not know, 'Regions'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(written, changes, sentence):
    change_header(written, **changes)
    with pytest.raises(InputError, match=sentence):
        read_motion(written)


@pytest.mark.parametrize("rate", ["1e3000000", "1e999999999"])
def test_a_rate_without_an_end_is_refused_at_once(written, rate):
    change_header(written, rate=rate)
    start = time.monotonic()
    with pytest.raises(InputError, match="is damaged"):
        read_motion(written)
    assert time.monotonic() - start < 1


def memory_taken(path) -> int:
    """The most that reading this file takes at once, which must be refused."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"a motion file|is damaged"):
            read_motion(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_nothing_is_unpacked_that_the_header_does_not_tell_of(written):
    """Zeros are packed a thousandfold: kilobytes would become 40 MB of a frame each."""
    with np.load(written, allow_pickle=False) as archive:
        header = str(archive["header"])
    position, zeros = np.zeros((7, 10, 2), np.float32), np.zeros((1000, 10**4), np.float32)
    for arrays in (
        {"header": np.array(header), "position": zeros},
        {"header": np.array(header), "position": position, "more": zeros},
        {"header": np.array("{" + " " * 10**7 + header[1:]), "position": position},
    ):
        with written.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)
        assert written.stat().st_size < 60_000
        assert memory_taken(written) < 4e6


def test_a_header_that_agrees_may_still_not_fill_the_memory(written, monkeypatch):
    monkeypatch.setattr("thf_jax.inference.motion_files.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="is damaged: it holds more than 0 MB"):
        read_motion(written)
    with pytest.raises(InputError, match="would hold 0 MB of motion, and 0 MB is the most"):
        write_motion(written, keypoints(7), system="fomm", rate=RATE, size=64)


def test_no_memory_is_reserved_for_numbers_that_are_not_there(written):
    """An array that says that it has seven frames of a gigabyte each, and has none."""
    with np.load(written, allow_pickle=False) as archive:
        header = archive["header"]
    said = io.BytesIO()
    np.lib.format.write_array_header_1_0(said, {"descr": "<f4", "fortran_order": False, "shape": (7, 1 << 27, 2)})
    with zipfile.ZipFile(written, "w") as archive:
        with archive.open("header.npy", "w") as stream:
            np.lib.format.write_array(stream, header)
        archive.writestr("position.npy", said.getvalue())
    assert memory_taken(written) < 4e6


@pytest.mark.parametrize("position", range(0, 5000, 250))
def test_a_changed_byte_is_a_sentence_or_nothing(written, position):
    content = bytearray(written.read_bytes())
    content[position % len(content)] ^= 0x55
    written.write_bytes(content)
    try:
        read_motion(written)
    except InputError as error:
        assert str(written) in str(error)


def test_a_header_nested_without_end_is_refused(written):
    with written.open("wb") as stream:
        np.savez(stream, allow_pickle=False, header=np.array("[" * 10**5))
    with pytest.raises(InputError, match="is not a motion file"):
        read_motion(written)


def save_pickle(path):
    with path.open("wb") as file:
        np.savez(file, header=np.array([{"format": "thf_jax motion"}], dtype=object))


def save_plain_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("hello"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"position", b"p0sition")),
        save_pickle,
        save_plain_array,
        lambda path: path.unlink(),
    ],
    ids=["text", "empty", "begun", "cut", "renamed", "pickle", "array", "missing"],
)
def test_another_file_is_refused(written, spoil):
    spoil(written)
    with pytest.raises(InputError, match="motion file") as error:
        read_motion(written)
    assert "\n" not in str(error.value)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    broken = Keypoints(np.full((10, 2), np.nan, np.float32))
    write_motion(tmp_path / "nod.motion", [broken], system="fomm", rate=25.0, size=64)
    with pytest.raises(InputError, match="not finite"):
        read_motion(tmp_path / "nod.motion")


def test_covariances_and_the_background_are_kept(tmp_path):
    """MRAA's regions; and Monkey-Net's keypoints, which have a covariance and no Jacobian."""
    random = np.random.default_rng(1)

    def drawn(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    regions = [Keypoints(drawn(10, 2), drawn(10, 2, 2), drawn(10, 2, 2), drawn(3, 3)) for _ in range(4)]
    without = [Keypoints(one.position, covariance=one.covariance) for one in regions]
    for system, motions in {"mraa": regions, "monkey_net": without}.items():
        write_motion(tmp_path / "nod.motion", motions, system=system, rate=RATE, size=64)
        for expected, motion in zip(motions, read_motion(tmp_path / "nod.motion"), strict=True):
            for name in ("position", "jacobian", "covariance", "background"):
                np.testing.assert_array_equal(getattr(motion, name), getattr(expected, name))
    with np.load(tmp_path / "nod.motion", allow_pickle=False) as archive:
        axes = json.loads(str(archive["header"]))["axes"]
    assert axes == {"position": ["frame", "keypoint", "xy"], "covariance": ["frame", "keypoint", "row", "column"]}
