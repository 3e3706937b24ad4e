"""The page of a comparison: its section, its table and what it says of runs."""

import json

import pytest

from experiments import compare
from experiments.command import labelled, write_section
from experiments.compare import POINTS, page
from thf_jax.errors import InputError
from thf_jax.training.run_files import Run, read_run

BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"
TOTALS = {
    "frames": 20,
    "clips": 2,
    "clips_better": 1,
    "l1_below_copying": 0.25,
    "model": {"l1": 0.03, "ssim": 0.9, "psnr": 25.0},
    "copying": {"l1": 0.04, "ssim": 0.8, "psnr": 22.5},
}
CONFIG = {"train": {"batch_size": 4}, "loss": {"reconstruction": 10.0}}


def row(label: str, run: Run | None):
    return {"label": label, "size": 64, "parameters": 1_500_000, "summary": TOTALS, "run": run}


def test_a_section_takes_the_place_of_the_one_before_and_leaves_the_rest_alone(tmp_path):
    path = tmp_path / "page.md"
    write_section(path, "scores", "one")
    assert path.read_text() == f"{BEGIN}\none\n{END}\n"
    path.write_text("# Results\n\n\n")
    write_section(path, "scores", "one")
    assert path.read_text() == f"# Results\n\n{BEGIN}\none\n{END}\n"
    path.write_text(path.read_text() + "\nMore.\n")
    write_section(path, "scores", "two")
    assert path.read_text() == f"# Results\n\n{BEGIN}\ntwo\n{END}\n\nMore.\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"{BEGIN}\none\nMore.\n".encode(), "has the comment <!-- scores: begin --> and no <!-- scores: end -->"),
        (b"\xff", "cannot read the page"),
    ],
)
def test_a_page_that_would_lose_something_is_refused(tmp_path, content, sentence):
    path = tmp_path / "page.md"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        write_section(path, "scores", "two")
    assert path.read_bytes() == content


def test_nothing_is_scored_for_a_page_or_a_model_that_is_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "score", lambda *_: pytest.fail("scored"))
    path = tmp_path / "page.md"
    path.write_text("<!-- reconstruction: begin -->")
    words = ["--model", "fomm-mini46", "--data", "moving_heads", "--page", str(path)]
    assert compare.main(words) == 2 and "has the comment" in capsys.readouterr().err
    path.write_text("")
    assert compare.main(words) == 2 and "fomm-mini64" in capsys.readouterr().err


def test_a_label_ends_at_the_first_sign_unless_there_is_such_a_folder(tmp_path):
    (tmp_path / "rate=3").mkdir()
    assert labelled(f"{tmp_path}/rate=3") == ("rate=3", f"{tmp_path}/rate=3")
    assert labelled(f"FOMM={tmp_path}/rate=3") == ("FOMM", f"{tmp_path}/rate=3")
    assert labelled("=runs/fomm") == labelled("runs/fomm") == ("fomm", "runs/fomm")


def test_a_run_is_read_up_to_a_line_that_was_cut(tmp_path):
    assert read_run(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "run.json").write_text(json.dumps({"arguments": ["--config", "a.py"]}))
    assert read_run(tmp_path) == Run(CONFIG, ["--config", "a.py"], [])
    lines = [{"step": 2, "x": 1.0}, {"step": 4, "x": 2.0}, {"step": 2, "x": 3.0}]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*map(json.dumps, lines), '{"step": 6, "x"']))
    assert read_run(tmp_path) == Run(CONFIG, ["--config", "a.py"], [lines[2], lines[1]])


@pytest.mark.parametrize("workdir", [["--workdir", "/home/me/run"], ["--workdir=/home/me/run"]])
def test_the_page_shows_scores_commands_and_curves(workdir):
    metrics = [
        {"step": step + 1, "images_per_second": 8.0, "reconstruction": 1.2 - 0.1 * step} for step in range(POINTS)
    ]
    lines = page(
        [row("FOMM", Run(CONFIG, ["--config", "a.py", *workdir, "--config.seed=1"], metrics)), row("Other", None)]
    ).splitlines()
    assert lines[0].endswith("20 frames of 2 clips.")
    assert "| copying the first frame | 64 | 0 | 0.0400 | | 0.800 | 22.50 | |" in lines
    for label in ("FOMM", "Other"):
        assert f"| {label} | 64 | 1.50 M | 0.0300 | 25.0% | 0.900 | 25.00 | 1 of 2 |" in lines
    assert "| FOMM | `--config a.py --config.seed=1` | 12 | 4 | 8.0 |" in lines
    (curve,) = (line for line in lines if line.startswith("    line"))
    assert curve.split("[")[1].startswith("0.1200, 0.1100") and curve.endswith("0.0100]")
    assert not any("/home/me" in line for line in lines)
