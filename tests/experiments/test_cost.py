"""The table of what a step costs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cost


@pytest.fixture
def measured(monkeypatch):
    """What was asked of the compiler, which is not asked."""
    asked = []

    def measure(config, devices, batch, policy):
        asked.append((config.system, devices, batch, policy))
        reduced = {"all-reduce": 8_000_000 * (devices > 1), "all-gather": 0}
        return cost.Cost(3e9 * batch, 2e9, 5_000_000, 7_000_000 * batch, reduced)

    monkeypatch.setattr(cost, "measure", measure)
    monkeypatch.setattr(cost, "_make_devices", lambda: None)
    return asked


def test_one_program_of_several_devices_stands_for_all_counts(measured, capsys):
    assert cost.main(["--config", "configs/fomm.py:debug", "--devices", "1,8,64,256", "--batch", "1,4"]) == 0
    assert measured == [("fomm", 1, 4, ""), ("fomm", 8, 4, ""), ("fomm", 1, 1, "")]
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| configs")]
    assert [row[1:3] for row in rows[:4]] == [["1", "4"], ["8", "32"], ["64", "256"], ["256", "1024"]]
    assert [row[5] for row in rows[:4]] == ["0.0", "8.0", "8.0", "8.0"]
    assert [row[6].rstrip(" |") for row in rows[:4]] == ["0.0", "14.0", "15.8", "15.9"]  # 16 (n - 1) / n
    assert [row[2:] for row in rows[4:]] == [["1", "5", "7 |"], ["4", "5", "28 |"]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--config", "configs/fom.py"], "there is no configuration file configs/fom.py"),
        (["--config", "configs/fomm.py:mini46"], "nearest is 'mini64'"),
        (["--devices", "0,8"], "numbers are given as 1,8,64, not as '0,8'"),
    ],
)
def test_wrong_options_are_one_sentence(measured, capsys, words, sentence):
    assert cost.main(words) == 2
    said = capsys.readouterr().err
    assert sentence in said and len(said.splitlines()) == 1
    assert measured == []


@pytest.mark.thorough
def test_the_command_prints_the_table_of_a_real_program():
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    words = ["--config", "configs/fomm.py:debug", "--devices", "1,8", "--batch", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.cost", *words],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| configs")]
    one, eight, memory = rows
    assert float(eight[3]) == pytest.approx(float(one[3]), rel=0.1)
    assert float(one[5]) == 0 < float(eight[5])
    assert float(memory[4].rstrip(" |")) > 0
