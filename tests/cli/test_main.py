"""The command line itself: help, versions, spelling mistakes, and how little starting it costs."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import thf_jax
from thf_jax.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["animate"],
        ["motion"],
        ["motion", "extract"],
        ["motion", "show"],
        ["demo"],
        ["convert"],
        ["export"],
        ["models"],
    ],
)
def test_help(capsys, words):
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: thf") and "--debug" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["animat"], "COMMAND cannot be 'animat'; the nearest is 'animate'"),
        (["frobnicate"], "COMMAND cannot be 'frobnicate'; choose one of animate,"),
        ([], "the following arguments are required: COMMAND; see `thf --help`"),
        (["--hlep"], "the following arguments are required: COMMAND; see `thf --help`"),
        (["models", "--jsno"], "`thf models` does not take '--jsno'"),
        (["models", "extra"], "`thf models` does not take 'extra'; see `thf models --help`"),
        (["animate", "a", "b", "--best-frames"], "does not take '--best-frames'; the nearest is '--best-frame'"),
        (["animate", "a", "b", "--comp"], "does not take '--comp'"),
        (["animate", "", "b"], "one of the arguments is empty"),
        (["animate", "x" * 5000 + ".png", "b"], "cannot be used: File name too long"),
        (["animate", "a", "b", "--model"], "argument --model: expected one argument"),
    ],
)
def test_a_wrong_command_line_gives_one_sentence_and_status_2(thf, words, sentence):
    outcome = thf(*words)
    assert outcome.status == 2 and outcome.out == ""
    assert outcome.err.startswith("thf: ") and outcome.err.count("\n") == 1
    assert sentence in outcome.err
    assert "Traceback" in thf(*words, "--debug").err


def test_every_version_is_the_same(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"thf_jax {thf_jax.__version__}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project.get("version", thf_jax.__version__) == thf_jax.__version__


def test_help_imports_nothing_heavy():
    code = (
        "import sys, thf_jax.cli.main as m; m._parser(); print([n for n in ('jax', 'numpy', 'av') if n in sys.modules])"
    )
    assert fresh(code) == "[]\n"


def test_importing_the_package_imports_nothing_heavy_and_touches_no_device():
    code = """
import sys
import thf_jax
print([name for name in ("jax", "flax", "numpy", "torch", "tensorflow") if name in sys.modules])
for name in thf_jax.__all__:
    assert getattr(thf_jax, name) is not None
print([name for name in ("torch", "tensorflow") if name in sys.modules])
from jax._src import xla_bridge
print(xla_bridge.backends_are_initialized())
"""
    assert fresh(code) == "[]\n[]\nFalse\n"


def test_the_public_names_are_all_there():
    assert set(thf_jax.__all__) <= set(dir(thf_jax))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = thf_jax.nothing


def test_the_package_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "thf_jax", "animate", "no.png", "no.mp4"],
        capture_output=True, text=True, cwd=ROOT, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("thf: ") and done.stderr.count("\n") == 1
