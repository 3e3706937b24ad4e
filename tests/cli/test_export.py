"""`thf export`: a training run, or a model, to a model directory."""

import json

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from ml_collections import ConfigDict
from PIL import Image

from tests.inference.samples import SETTINGS, SIZE, pictures, tiny_animator
from thf_jax.interop.model_directory import CARD, CONFIG, VARIABLES, load_model
from thf_jax.interop.shapes import complete
from thf_jax.training import checkpoints
from thf_jax.training.run_files import write_run_files


def assert_same_variables(folder, animator):
    jax.tree.map(np.testing.assert_array_equal, load_model(folder).variables, animator.variables)


@pytest.fixture
def workdir(tmp_path):
    """What a run leaves that saved at steps 1 and 2; the numbers at step 2 are those of `tiny_animator`."""
    folder = tmp_path / "run"
    folder.mkdir()
    config = ConfigDict({"system": "fomm", "size": SIZE, "seed": 7, "model": complete("fomm", SETTINGS)})
    write_run_files(folder, config, ["--config", "configs/fomm.py:small"])
    manager = checkpoints.open_checkpoints(folder, create=True)
    for step, seed in [(1, 5), (2, 0)]:
        variables = jax.tree.map(jax.numpy.asarray, tiny_animator(seed=seed).variables)
        network = {"params": variables.pop("params"), "statistics": variables, "optimizer": jax.numpy.zeros(3)}
        # The fields of a `TrainState`, without its class, whose shapes are checked here and are None inside of Orbax.
        state = ocp.args.StandardSave({"step": jax.numpy.asarray(step), "animator": network})
        manager.save(step, args=ocp.args.Composite(state=state))
    manager.wait_until_finished()
    manager.close()
    return folder


def test_a_runs_newest_checkpoint_becomes_a_model_with_a_card_of_its_own(thf, workdir, tmp_path):
    outcome = thf("export", workdir, tmp_path / "out", "--format", "safetensors")
    assert (outcome.status, outcome.err) == (0, "") and str(tmp_path / "out") in outcome.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([CARD, CONFIG, VARIABLES])
    assert_same_variables(tmp_path / "out", tiny_animator())
    config = json.loads((tmp_path / "out" / CONFIG).read_text())
    assert (config["system"], config["size"], config["model"]["detector"]["count"]) == ("fomm", SIZE, 4)
    card = (tmp_path / "out" / CARD).read_text()
    assert f"fomm at {SIZE} px" in card and "| Seed | 7 |" in card
    assert "experiments.train --config configs/fomm.py:small`" in card


def test_a_model_is_copied_with_its_card(thf, model, tmp_path):
    assert thf("export", model, tmp_path / "copy").status == 0
    for name in (CARD, CONFIG, VARIABLES):
        assert (tmp_path / "copy" / name).read_bytes() == (model / name).read_bytes()


def test_programs_lie_beside_the_model_until_it_is_written_anew(thf, model, tmp_path):
    out = tmp_path / "out"
    assert thf("export", model, out, "--format", "stablehlo").status == 0
    programs = [f"{verb}.stablehlo" for verb in ("encode", "motion", "render")]
    assert sorted(path.name for path in out.iterdir()) == sorted([CARD, CONFIG, VARIABLES, *programs])
    assert_same_variables(out, tiny_animator())
    assert thf("export", model, out).status == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([CARD, CONFIG, VARIABLES])
    assert (out / CARD).read_text() == "A card."


def test_onnx_without_its_converter_is_one_sentence(thf, model, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = thf("export", model, tmp_path / "out", "--format", "onnx")
    assert outcome.status == 2 and outcome.err.count("\n") == 1
    assert "pip install --no-deps jax2onnx" in outcome.err and not (tmp_path / "out").exists()


def test_a_model_without_programs_does_not_animate_by_onnx_runtime(thf, model, tmp_path):
    outcome = thf("animate", model, "x.mp4", "--model", model, "--backend", "onnx")
    assert outcome.status == 2 and "--backend cannot be 'onnx'" in outcome.err
    Image.fromarray(pictures(1)[0]).save(tmp_path / "portrait.png")
    words = ["--model", model, "--backend", "onnxruntime", "-o", tmp_path / "out.mp4"]
    outcome = thf("animate", tmp_path / "portrait.png", "look_around", *words)
    assert outcome.status == 2 and outcome.err.count("\n") == 1 and "has no encode.onnx" in outcome.err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{tmp}/none", "{tmp}/out"], "there is no model and no folder"),
        (["{model}", "{tmp}/no/out"], "there is no folder"),
        (["{tmp}/none", "{tmp}/no/out"], "there is no model and no folder"),
        (["{model}", "{tmp}/notes"], "holds other files"),
        (["{model}", "{tmp}/out", "--format", "onx"], "--format cannot be 'onx'"),
        (["{tmp}/notes", "{tmp}/out"], "has no config.json"),
        (["{tmp}/started", "{tmp}/out"], "has no complete checkpoint"),
    ],
)
def test_what_cannot_be_exported_gives_one_sentence_and_writes_nothing(thf, model, tmp_path, words, sentence):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("mine")
    (tmp_path / "started" / checkpoints.FOLDER).mkdir(parents=True)
    settings = {"system": "fomm", "size": SIZE, "model": complete("fomm", SETTINGS)}
    (tmp_path / "started" / "config.json").write_text(json.dumps(settings))
    outcome = thf("export", *(word.format(tmp=tmp_path, model=model) for word in words))
    assert outcome.status == 2 and outcome.err.count("\n") == 1 and sentence in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "started"]
