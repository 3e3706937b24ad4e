"""Exported programs, run as their cards say, against the animator that they were made of."""

import re

import jax
import jaxtyping
import numpy as np
import pytest
import safetensors.numpy

from tests.inference.liveportrait.samples import tiny_portrait
from tests.inference.samples import pictures, tiny_animator, tiny_head_animator, tiny_x2face
from thf_jax.interop.export import onnx_programs, stablehlo_programs
from thf_jax.interop.model_card import with_programs
from thf_jax.interop.model_directory import CARD, VARIABLES, save_model
from thf_jax.interop.verb_functions import verb_functions

ANIMATORS = {
    "fomm": tiny_animator,
    "monkey_net": lambda: tiny_animator("monkey_net"),
    "mraa": lambda: tiny_animator("mraa"),
    "face_vid2vid": tiny_head_animator,
    "x2face": tiny_x2face,
    "liveportrait": tiny_portrait,
}
WRITERS = {"stablehlo": stablehlo_programs, "onnx": onnx_programs}
LONG = pytest.mark.thorough
CASES = [
    ("stablehlo", "fomm"),
    ("stablehlo", "x2face"),
    ("onnx", "fomm"),
    *(pytest.param("stablehlo", system, marks=LONG) for system in ANIMATORS if system not in ("fomm", "x2face")),
    *(pytest.param("onnx", system, marks=LONG) for system in ANIMATORS if system != "fomm"),
]


def unit(frames) -> np.ndarray:
    return np.asarray(frames, np.float32) / 255


@pytest.fixture(autouse=True)
def symbols_are_shapes():
    """jaxtyping compares shapes as numbers, which a symbol is not."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def exported(folder, system, file_format):
    animator = ANIMATORS[system]()
    with jax.numpy_dtype_promotion("standard"):  # the converter multiplies floats by integers
        programs = WRITERS[file_format](animator)
    return animator, save_model(folder, animator, with_programs("A card.\n", animator, file_format), programs)


@pytest.mark.parametrize(("file_format", "system"), CASES)
def test_programs_run_as_the_card_says(file_format, system, tmp_path, monkeypatch):
    animator, folder = exported(tmp_path / "out", system, file_format)
    source, frame = unit(pictures(2, height=animator.size, width=animator.size, seed=3))
    (code,) = re.findall("```python\n(.*?)```", (folder / CARD).read_text(), re.DOTALL)
    monkeypatch.chdir(folder)
    shown = source[None, None] if system == "x2face" else source[None]
    results = {"source": shown, "frame": frame[None]}
    exec(compile(code, CARD, "exec"), results)
    expected = animator.render(animator.encode(source), animator.motion(frame)).image
    # Exported or not, StableHLO is compiled by XLA, if with other fusions; ONNX Runtime sums in another order.
    np.testing.assert_allclose(results["image"][0], expected, atol=1e-6 if file_format == "stablehlo" else 2e-5)


def test_a_stablehlo_program_takes_batches_of_any_length_on_any_platform(tmp_path):
    animator, folder = exported(tmp_path / "out", "fomm", "stablehlo")
    program = jax.export.deserialize(bytearray((folder / "motion.stablehlo").read_bytes()))
    assert program.platforms == ("cpu", "cuda", "tpu")
    variables = safetensors.numpy.load_file(folder / VARIABLES)
    for count in (1, 3):
        frames = unit(pictures(count, height=animator.size, width=animator.size, seed=4))
        found = program.call(variables, {"frame": frames})
        expected = animator.motion(frames)
        np.testing.assert_allclose(found["motion/position"], expected.position, atol=1e-6)
        np.testing.assert_allclose(found["motion/jacobian"], expected.jacobian, atol=1e-5)


@pytest.mark.parametrize("system", ANIMATORS)
def test_what_one_verb_gives_another_takes(system):
    """By the same name and of the same shape; together they are all that rendering asks for."""
    functions = verb_functions(ANIMATORS[system](), batch=2)
    given = functions["encode"].outputs | functions["motion"].outputs
    assert functions["render"].inputs == given
    assert functions["render"].outputs["image"].shape[::3] == (2, 3)
    assert set(functions) == {"encode", "motion", "render"} | ({"combine"} if system == "mraa" else set())


def test_the_card_of_another_format_loses_the_programs():
    animator = tiny_animator()
    card = with_programs("A card.\n", animator, "onnx")
    assert "`render.onnx`" in card and "[1 4 2]" in card
    again = with_programs(card, animator, "stablehlo")
    assert "onnx" not in again.lower() and "[b 4 2]" in again
    assert with_programs(again, animator, "safetensors") == "A card.\n"


def test_what_a_user_wrote_below_the_programs_stays():
    animator = tiny_animator()
    card = with_programs("A card.\n", animator, "onnx") + "\n## Data\n\nOf people who agreed.\n"
    again = with_programs(card, animator, "stablehlo")
    assert again.endswith("\n## Data\n\nOf people who agreed.\n") and again.count("## Programs") == 1
    assert with_programs(again, animator, "safetensors") == "A card.\n\n## Data\n\nOf people who agreed.\n"
