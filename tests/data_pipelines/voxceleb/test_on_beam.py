"""The build by Apache Beam's DirectRunner."""

import importlib.util
import subprocess
import sys

import pytest

from data_pipelines.build import main

from .conftest import contents, words_for
from .killed import COMMAND, run_and_kill

needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None,
    reason="Apache Beam is not installed; in an environment of its own: "
    "pip install '.[beam,dev]' && python -m pytest tests/data_pipelines/voxceleb/test_on_beam.py",
)


@needs_beam
@pytest.mark.parametrize("made_before", [0, 3])
def test_beam_changes_no_byte(official_built, official, tmp_path, made_before):
    """Whether it makes all clips, or finishes what a killed build without it has begun."""
    assert len(run_and_kill(official, tmp_path, dies_before=f"job {made_before}")) == made_before
    command = [*COMMAND, *words_for(official, tmp_path), "--beam", "--runner=DirectRunner"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "voxceleb" / "vox1_64"
    assert contents(folder / "1.0.0") == contents(official_built)
    assert [path.name for path in folder.iterdir()] == ["1.0.0"]


@needs_beam
@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--runner=NoRunner", "Unexpected pipeline runner: NoRunner"),
        ("--direct_num_workers=x", "invalid int value: 'x'"),
    ],
)
def test_wrong_options_of_beam_are_one_sentence(official, tmp_path, option, reason):
    command = [*COMMAND, *words_for(official, tmp_path), "--beam", option]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"build: Beam does not take the options {option}: ") and reason in last
    assert "usage" not in done.stderr


def test_beam_that_is_not_installed_is_one_sentence(official, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert main(["voxceleb", *words_for(official, tmp_path), "--beam", "--runner=DirectRunner"]) == 2
    assert capsys.readouterr().err.startswith(
        "build: --beam needs Apache Beam: install this package with the extra `beam`"
    )
    assert list(tmp_path.iterdir()) == []
