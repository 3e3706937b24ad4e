"""The command that lists missing videos and drives yt-dlp, here a small stand-in on the PATH."""

import csv
import os
import sys

import pytest

from data_pipelines.voxceleb.videos import download, main

from .conftest import COLUMNS, write_track

# It fetches what begins with a letter, and writes down how it was called.
DOWNLOADER = """#!{python}
import pathlib, sys
*options, output, url = sys.argv[1:]
video = url.removeprefix("https://www.youtube.com/watch?v=")
with open({log!r}, "a") as log:
    print(video, *options, file=log)
if video.startswith("-"):
    sys.exit("WARNING: slow\\nERROR: [youtube] " + video + ": Private video")
if video == "1hangs":
    import time
    time.sleep(60)
if video.startswith("0"):
    sys.exit(3)
pathlib.Path(output % {{"id": video, "ext": "webm"}}).write_text("film")
"""


@pytest.fixture
def table(tmp_path):
    rows = [f"{video},0,99,1-1-9-9,25,9,9,train,id10001" for video in ("here", "gone", "-private", "0fails", "../x")]
    path = tmp_path / "clips.csv"
    path.write_text("\n".join([COLUMNS, *rows, rows[1]]) + "\n")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "here.mp4").touch()
    return path


@pytest.fixture
def downloader(tmp_path, monkeypatch):
    """The log of a stand-in for yt-dlp that is the first on the PATH."""
    (tmp_path / "bin").mkdir()
    script, log = tmp_path / "bin" / "yt-dlp", tmp_path / "calls"
    script.write_text(DOWNLOADER.format(python=sys.executable, log=str(log)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return log


def run(tmp_path, metadata, *words):
    return main(["--metadata", str(metadata), "--videos", str(tmp_path / "videos"), *map(str, words)])


def test_missing_videos_are_listed(table, tmp_path, capsys):
    assert run(tmp_path, table) == 0
    output, error = capsys.readouterr()
    assert output.splitlines() == ["-private", "../x", "0fails", "gone"]
    assert error == f"4 videos are missing in {tmp_path / 'videos'}\n"


def test_videos_of_tracks(tmp_path, capsys):
    for video in ("one", "two"):
        write_track(tmp_path / "txt" / "id10001" / video / "00001.txt", [])
    assert run(tmp_path, tmp_path / "txt") == 0
    assert capsys.readouterr().out.splitlines() == ["one", "two"]


def test_failures_land_in_the_report(table, downloader, tmp_path, capsys):
    assert run(tmp_path, table, "--download", "--downloader_options", "--limit-rate", "1M") == 0
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["gone.webm", "here.mp4", "missing.csv"]
    with (tmp_path / "videos" / "missing.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["video_id", "reason"],
            ["-private", "[youtube] -private: Private video"],
            ["../x", "this is no id of a video"],
            ["0fails", "yt-dlp ended with status 3 and left no video"],
        ]
    calls = [line.split() for line in downloader.read_text().splitlines()]
    assert [call[0] for call in calls] == ["-private", "0fails", "gone"]
    assert all("--limit-rate" in call and call[call.index("--limit-rate") + 1] == "1M" for call in calls)
    assert capsys.readouterr().out.startswith("fetched 1 videos, 3 failed: see ")

    # Again: what is there is not fetched a second time.
    assert run(tmp_path, table, "--download", "--report", tmp_path / "out" / "r.csv") == 0
    assert len(downloader.read_text().splitlines()) == 5
    assert (tmp_path / "out" / "r.csv").read_text().count("\n") == 4


def test_wrong_options_are_one_sentence(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "empty").mkdir()
    wrong = {
        "--metadata wants": ["--metadata", tmp_path / "nothing", "--videos", tmp_path],
        "names no videos": ["--metadata", tmp_path / "empty", "--videos", tmp_path],
        "needs yt-dlp on the PATH": ["--metadata", table, "--videos", tmp_path, "--download"],
        "required: --videos": ["--metadata", table],
    }
    for message, words in wrong.items():
        assert main([str(word) for word in words]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_folder_may_have_a_percent_sign(downloader, tmp_path):
    folder = tmp_path / "50%(id)s"
    folder.mkdir()
    assert download("gone", folder, str(tmp_path / "bin" / "yt-dlp")) is None
    assert [path.name for path in folder.iterdir()] == ["gone.webm"]


def test_download_that_hangs_is_ended(downloader, tmp_path, table, capsys):
    script = str(tmp_path / "bin" / "yt-dlp")
    assert download("1hangs", tmp_path, script, timeout=0.5) == "yt-dlp was not done after 0.5 seconds"
    assert run(tmp_path, table, "--timeout", "0") == 2
    assert "--timeout is 0: give a number of seconds above 0" in capsys.readouterr().err
