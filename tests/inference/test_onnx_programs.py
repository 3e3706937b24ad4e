"""Models whose verbs ONNX Runtime computes."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import thf_jax
from tests.inference.samples import SIZE, pictures, tiny_animator
from thf_jax.errors import InputError
from thf_jax.inference.onnx_programs import with_onnx_programs
from thf_jax.interop.export import onnx_programs
from thf_jax.interop.model_directory import save_model

SOURCE, *FRAMES = pictures(3, seed=5)
NEAR = {"atol": 2e-5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    animator = tiny_animator()
    with jax.numpy_dtype_promotion("standard"):
        programs = onnx_programs(animator)
    return save_model(tmp_path_factory.mktemp("models") / "tiny", animator, "A card.", programs)


@pytest.fixture(scope="module")
def animators(folder):
    """The same model, computed by JAX and by ONNX Runtime."""
    return thf_jax.load(folder), thf_jax.load(folder, backend="onnxruntime")


def assert_near(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **NEAR), found, expected)


def test_every_verb_gives_numbers_of_onnx_runtime(animators):
    jaxs, onnxs = animators
    encoded, motion = onnxs.encode(SOURCE), onnxs.motion(FRAMES[0])
    assert {type(leaf) for leaf in jax.tree.leaves((encoded, motion))} == {np.ndarray}
    assert_near((encoded, motion), (jaxs.encode(SOURCE), jaxs.motion(FRAMES[0])))
    rendering = onnxs.render(encoded, motion)
    assert type(rendering.image) is np.ndarray
    assert_near(rendering, jaxs.render(jaxs.encode(SOURCE), jaxs.motion(FRAMES[0])))


def test_batches_are_done_one_by_one(animators):
    jaxs, onnxs = animators
    frames = np.stack(FRAMES)
    assert_near(onnxs.motion(frames), jaxs.motion(frames))
    encoded, motions = jaxs.encode(SOURCE), jaxs.motion(frames)
    found = onnxs.render(encoded, motions)
    assert found.image.shape == frames.shape
    assert_near(found, jaxs.render(encoded, motions))
    assert_near(
        onnxs.render(onnxs.encode(frames), jaxs.motion(SOURCE)).image,
        jaxs.render(jaxs.encode(frames), jaxs.motion(SOURCE)).image,
    )


@pytest.mark.parametrize("options", [{}, {"relative": False}, {"adapt_scale": True, "smooth": 1.0, "batch_size": 2}])
def test_animation_is_the_same(animators, options):
    jaxs, onnxs = animators
    expected = [rendering.image for rendering in thf_jax.animate(jaxs, SOURCE, FRAMES, **options)]
    assert_near([rendering.image for rendering in thf_jax.animate(onnxs, SOURCE, FRAMES, **options)], expected)


def test_pictures_of_other_sizes_are_resized(animators):
    jaxs, onnxs = animators
    (large,) = pictures(1, height=40, width=56, seed=6)
    assert_near(onnxs.motion(large), jaxs.motion(large))


def test_double_precision_is_taken_as_single(animators):
    jaxs, onnxs = animators
    encoded, motion = jaxs.encode(SOURCE), jaxs.motion(FRAMES[0])
    doubled = motion.replace(position=np.asarray(motion.position, np.float64))
    assert_near(onnxs.render(encoded, doubled), jaxs.render(encoded, motion))


def test_a_path_is_a_folder_whatever_is_shipped_by_that_name(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "fomm-mini64")
    monkeypatch.chdir(tmp_path)
    assert thf_jax.load(Path("fomm-mini64"), backend="onnxruntime").size == SIZE


def test_what_the_programs_do_not_take_runs_in_jax(animators):
    jaxs, onnxs = animators
    motion = jaxs.motion(FRAMES[0]).replace(jacobian=None)
    encoded = jaxs.encode(SOURCE)
    encoded = encoded.replace(motion=encoded.motion.replace(jacobian=None))
    found = onnxs.render(encoded, motion)
    assert isinstance(found.image, jax.Array)
    assert_near(found, jaxs.render(encoded, motion))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: (folder / "render.onnx").unlink(), "has no render.onnx: export the model anew"),
        (lambda folder: (folder / "render.onnx").write_bytes(b"no program"), "ONNX Runtime cannot read"),
        (
            lambda folder: shutil.copy(folder / "motion.onnx", folder / "encode.onnx"),
            "is not the program of such a model",
        ),
    ],
)
def test_programs_that_cannot_be_used_are_one_sentence(folder, tmp_path, change, sentence):
    copy = shutil.copytree(folder, tmp_path / "copy")
    change(copy)
    with pytest.raises(InputError, match=sentence) as caught:
        with_onnx_programs(tiny_animator(), copy)
    assert "\n" not in str(caught.value)


def test_a_model_without_programs_and_an_unknown_backend_are_refused(tmp_path):
    folder = save_model(tmp_path / "plain", tiny_animator(), "A card.")
    with pytest.raises(InputError, match=r"has no encode\.onnx"):
        thf_jax.load(folder, backend="onnxruntime")
    with pytest.raises(InputError, match="no backend 'onxruntime'; the nearest is 'onnxruntime'"):
        thf_jax.load(folder, backend="onxruntime")
