"""Progress: a bar on a terminal, plain lines elsewhere."""

import sys

from data_pipelines import progress


def test_plain_lines(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    assert list(progress.track("abc", total=4, label="train")) == ["a", "b", "c"]
    output, lines = capsys.readouterr()
    assert output == ""
    assert lines.splitlines() == [*(f"train: {done} of 4" for done in (1, 2, 3)), "train: 3 of 4, done"]


def test_lines_are_seconds_apart(capsys):
    assert len(list(progress.track(range(1000), total=1000, label="train"))) == 1000
    assert capsys.readouterr().err == "train: 1000 of 1000, done\n"


def test_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress.track(range(3), total=3, label="train")) == [0, 1, 2]
    assert "train: 100%" in capsys.readouterr().err
