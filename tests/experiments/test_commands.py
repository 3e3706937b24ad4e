"""The commands as a user types them, from training on drawn heads to a table of scores."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import motion_accuracy

ROOT = Path(__file__).resolve().parents[2]


def python_m(*words):
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    done = python_m(
        "experiments.train", "--config", "configs/fomm.py:debug", "--workdir", folder, "--config.train.steps=2"
    )
    assert done.returncode == 0, done.stderr
    assert "step 2/2" in done.stdout
    assert "images/s" in done.stdout
    return folder


def test_training_leaves_what_it_was_made_with(workdir):
    run = json.loads((workdir / "run.json").read_text())
    assert "--config.train.steps=2" in run["arguments"]
    assert json.loads((workdir / "config.json").read_text())["train"]["steps"] == 2


def test_a_run_evaluates_to_a_table_and_a_file(workdir, tmp_path):
    output = tmp_path / "results.json"
    done = python_m(
        "experiments.evaluate",
        "--model",
        workdir,
        "--data",
        "moving_heads",
        "--split",
        "eval",
        "--every",
        8,
        "--output",
        output,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text())
    assert results["summary"]["clips"] == len(results["clips"]) > 0
    assert f"of {len(results['clips'])} clips" in done.stdout
    assert results["summary"]["copying"]["l1"] > 0


def test_a_sweep_goes_on_with_a_run_and_scores_it(workdir, tmp_path):
    folder = tmp_path / "full" / "seed0"
    shutil.copytree(workdir, folder)
    options = ["--config", "configs/fomm.py:debug", "--workdir", tmp_path, "--config.train.steps=2", "--every", 8]
    done = python_m("experiments.ablate", *options, "--only", "full", "--seeds", "0")
    assert done.returncode == 0, done.stderr
    assert "step 2 of 2" in (folder / "log.txt").read_text()
    words = ["--config", "configs/fomm.py:debug", "--workdir", str(folder), "--config.train.steps=2", "--config.seed=0"]
    assert json.loads((folder / "run.json").read_text())["arguments"] == words
    found = json.loads((folder / "scores.json").read_text())["summary"]
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("| full |"))
    assert row.split(" | ")[1] == f"{found['model']['l1']:.4f}" and found["copying"]["l1"] > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--config", "configs/fomm.py:debug"], "--workdir"),
        (["--config", "configs/fomm.py:debgu", "--workdir", "x"], "nearest is 'debug'"),
        (["--config", "configs/fom.py", "--workdir", "x"], "no configuration file"),
        (["--config", "configs/fomm.py:debug", "--workdir", "x", "--config.train.batchsize=3"], "batch_size"),
        (
            ["--config", "configs/fomm.py:debug", "--workdir", "x", "--config.data.location=nowhere"],
            "no folder nowhere",
        ),
    ],
)
def test_wrong_options_are_one_sentence_and_status_2(words, sentence):
    done = python_m("experiments.train", *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (ROOT / "x").exists()


def test_evaluating_what_is_not_there_is_one_sentence_and_status_2(tmp_path):
    done = python_m(
        "experiments.evaluate", "--model", tmp_path / "none", "--data", tmp_path, "--output", tmp_path / "r.json"
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "r.json").exists()


def test_motion_accuracy_is_one_table_over_all_models(workdir, tmp_path, capsys):
    output = tmp_path / "motion.json"
    options = {"--clips": 2, "--frames": 2, "--every": 10, "--occluded": 50, "--output": output}
    words = [str(word) for option in options.items() for word in option]
    page = tmp_path / "page.md"
    page.write_text("# Results\n")
    models = ["--model", f"Mine={workdir}", "--model", "fomm-mini64", "--page", str(page)]
    assert motion_accuracy.main([*models, *words]) == 0
    results = json.loads(output.read_text())
    assert [row["model"] for row in results["models"]] == ["Mine", "fomm-mini64"]
    assert [row["pose"] for row in results["models"]] == [
        None,
        None,
    ]  # FOMM's keypoints do not say how a head is turned
    printed = capsys.readouterr().out
    assert page.read_text().startswith("# Results\n") and printed.strip() in page.read_text()
    lines = printed.splitlines()
    for line, row in zip(lines[2:4], results["models"], strict=True):
        assert [clip["frames"] for clip in row["clips"]] == [2, 2]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == row["model"]
        assert float(cells[4]) == round(row["summary"]["error"]["head"], 2)
    trained = results["models"][1]["summary"]
    assert trained["error"]["head"] < 0.7 * trained["unmoved"]["head"]
    assert trained["visibility_auc"] > 0.6
    assert "over 4 frames of 2 clips" in lines[-1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "fomm-mini46"], "fomm-mini64"),
        (["--model", "fomm-mini64", "--split", "evl"], "did you mean eval"),
        (["--model", "fomm-mini64", "--frames", "0"], "--frames is 1 or more"),
        (["--model", "fomm-mini64", "--occluded", "120"], "from 0 to 100"),
        (["--model", "fomm-mini64", "--output", "table.txt"], ".json"),
    ],
)
def test_wrong_options_of_motion_accuracy_are_one_sentence_and_status_2(words, sentence, capsys):
    assert motion_accuracy.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("motion_accuracy: ") and sentence in line
