"""Motion templates as the original writes them, of both ages, and ours read back."""

import os
import pickle
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from thf_jax.errors import InputError
from thf_jax.inference.motion_files import MotionFile, read_motion, write_motion
from thf_jax.interop.liveportrait_templates import read_neutral, read_template, write_template

COUNT = 5


def template(*, old: bool = False, ratios: bool = True, seed: int = 0) -> dict[str, Any]:
    """What the original stores: float32 arrays with an axis of one before each."""
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return random.standard_normal((1, *shape)).astype(np.float32)

    frames = []
    for _ in range(COUNT):
        frame = {"scale": numbers(1), "exp": numbers(21, 3), "t": numbers(3), "R_d" if old else "R": numbers(3, 3)}
        frames.append(frame if old else frame | {"kp": numbers(21, 3), "x_s": numbers(21, 3)})
    content = {"n_frames": COUNT, "output_fps": 24, "motion": frames}
    if ratios:
        middle = "d_" if old else ""
        content[f"c_{middle}eyes_lst"] = [numbers(2) for _ in range(COUNT)]
        content[f"c_{middle}lip_lst"] = [numbers(1) for _ in range(COUNT)]
    return content


def write(path, content, protocol: int = 4):
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("old", [False, True])
def test_a_template_becomes_a_motion_file(tmp_path, old, protocol):
    content = template(old=old)
    file = read_template(write(tmp_path / "d.pkl", content, protocol))
    assert (file.system, file.rate, len(file), file.size) == ("liveportrait", 24, COUNT, 256)
    for frame, motion, eyes, lips in zip(
        content["motion"],
        file,
        content["c_d_eyes_lst" if old else "c_eyes_lst"],
        content["c_d_lip_lst" if old else "c_lip_lst"],
        strict=True,
    ):
        np.testing.assert_array_equal(motion.rotation, frame["R_d" if old else "R"][0].T)
        np.testing.assert_array_equal(motion.expression, frame["exp"][0])
        np.testing.assert_array_equal(motion.scale, frame["scale"][0])
        np.testing.assert_array_equal(motion.translation, [*frame["t"][0, :2], 0])
        np.testing.assert_array_equal(motion.openness, [*eyes[0], *lips[0]])


def test_ratios_may_be_missing(tmp_path):
    assert read_template(write(tmp_path / "laugh.pkl", template(ratios=False))).motion.openness is None


@pytest.mark.parametrize("ratios", [True, False])
def test_there_and_back_by_a_motion_file(tmp_path, ratios):
    file = read_template(write(tmp_path / "d.pkl", template(ratios=ratios)))
    write_motion(tmp_path / "d.motion", file, system=file.system, rate=file.rate, size=file.size)
    write_template(tmp_path / "again.pkl", read_motion(tmp_path / "d.motion"))
    again = pickle.loads((tmp_path / "again.pkl").read_bytes())
    content = template(ratios=ratios)
    assert (again["n_frames"], again["output_fps"], list(again)) == (COUNT, 24, list(content))
    for ours, theirs in zip(again["motion"], content["motion"], strict=True):
        for name in ("scale", "exp", "R"):
            np.testing.assert_array_equal(ours[name], theirs[name])
            assert ours[name].dtype == np.float32
        np.testing.assert_array_equal(ours["t"], theirs["t"] * [1, 1, 0])
    for name in ("c_eyes_lst", "c_lip_lst") if ratios else ():
        np.testing.assert_array_equal(again[name], content[name])


def test_a_rate_is_rounded_for_the_original(tmp_path):
    file = read_template(write(tmp_path / "d.pkl", template()))
    write_template(tmp_path / "e.pkl", MotionFile(file.system, None, Fraction(30000, 1001), file.size, file.motion))
    assert read_template(tmp_path / "e.pkl").rate == 30


def test_nothing_in_a_template_is_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    with pytest.raises(InputError, match="was not run"):
        read_template(write(tmp_path / "d.pkl", template() | {"extra": Attack()}))
    assert not (tmp_path / "ran").exists()


def broken(**changes: Any) -> dict[str, Any]:
    content = template()
    content["motion"][2] |= changes
    return content


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"motion": []},
        {"motion": [3], "output_fps": 25},
        template() | {"output_fps": "fast"},
        template() | {"output_fps": -1},
        template() | {"output_fps": 0},
        template() | {"output_fps": float("nan")},
        template() | {"output_fps": float("inf")},
        template() | {"output_fps": "1/0"},
        template() | {"output_fps": "1e999999999"},
        template() | {"output_fps": 10**5000},
        template() | {"output_fps": 1e300},
        template() | {"output_fps": 1e-300},
        template() | {"c_lip_lst": 5},
        template() | {"c_lip_lst": ["open"] * COUNT},
        template() | {"c_lip_lst": [np.full((1, 1), np.nan, np.float32)] * COUNT},
        broken(exp=np.zeros((1, 20, 3), np.float32)),
        broken(t=np.full((1, 3), np.nan, np.float32)),
        broken(R=None),
        broken(t=[[0.0, 0.0, 0.0]]),
        {key: value for key, value in template().items() if key != "output_fps"},
    ],
)
def test_what_is_no_template_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"d\.pkl"):
        read_template(write(tmp_path / "d.pkl", content))


def test_lists_of_the_same_lists_are_visited_once(tmp_path):
    """A thousand times a thousand times a thousand places, in a few kilobytes."""
    value: Any = 1
    for _ in range(4):
        value = [value] * 1000
    with pytest.raises(InputError, match="no list of motions"):
        read_template(write(tmp_path / "d.pkl", value))


@pytest.mark.parametrize("place", ["t", "c_lip_lst", "c_eyes_lst"])
def test_lists_of_the_same_lists_are_not_written_out(tmp_path, place):
    """Each level doubles the numbers of the one below; at the last of these they would take 64 MB."""
    value: Any = [0.5]
    for _ in range(24):
        value = [value, value]
    content = broken(t=value) if place == "t" else template() | {place: [value] * COUNT}
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"no array of the shape|something else than numbers"):
            read_template(write(tmp_path / "d.pkl", content))
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def test_one_array_in_the_place_of_all_is_not_stacked(tmp_path):
    content = template()
    content["motion"] = [{**content["motion"][0], "exp": np.zeros((1, 10**5, 3), np.float32)}] * 1000
    with pytest.raises(InputError, match=r"exp is in some frame no array of the shape \(1, 21, 3\)"):
        read_template(write(tmp_path / "d.pkl", content))


def test_openness_may_be_flat_lists_and_is_left_out_where_it_tells_too_much(tmp_path):
    flat = template() | {"c_eyes_lst": [[0.5, 1]] * COUNT, "c_lip_lst": [[0.25]] * COUNT}
    found = read_template(write(tmp_path / "d.pkl", flat)).motion.openness
    np.testing.assert_array_equal(found, [[0.5, 1, 0.25]] * COUNT)
    for eyes in ([[0.0] * 4] * COUNT, [np.zeros((1, 500), np.float32)] * COUNT):
        content = template() | {"c_eyes_lst": eyes}
        assert read_template(write(tmp_path / "d.pkl", content)).motion.openness is None


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_template(tmp_path / "missing.pkl")
    (tmp_path / "text.pkl").write_text("no pickle")
    with pytest.raises(InputError, match="no pickle"):
        read_template(tmp_path / "text.pkl")


def test_templates_hold_motion_of_the_published_model(tmp_path):
    file = read_template(write(tmp_path / "d.pkl", template()))
    with pytest.raises(InputError, match="face_vid2vid"):
        write_template(tmp_path / "e.pkl", MotionFile("face_vid2vid", None, file.rate, 256, file.motion))
    assert not (tmp_path / "e.pkl").exists()


def test_the_neutral_expression(tmp_path):
    values = np.random.default_rng(0).standard_normal((1, 21, 3))
    found = read_neutral(write(tmp_path / "lip_array.pkl", values))
    np.testing.assert_array_equal(found, values[0].astype(np.float32))
    with pytest.raises(InputError, match="lip_array"):
        read_neutral(write(tmp_path / "other.pkl", template()))
    with pytest.raises(InputError, match="is not made of finite numbers"):
        read_neutral(write(tmp_path / "infinite.pkl", np.full((1, 21, 3), np.inf)))
