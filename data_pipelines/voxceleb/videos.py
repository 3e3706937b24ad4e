"""`python -m data_pipelines.voxceleb.videos`: which of the videos are missing, and yt-dlp's attempts to fetch them.

The videos are those that a metadata file or the tracks of the official release name, each looked for in a folder by its
id, which is YouTube's. Without `--download` the missing ones are listed on stdout, one a line. With it `yt-dlp`, which
must be on the PATH, is asked for each of them in turn. What fails stands in the report, a csv file of ids and reasons,
and stops nothing: the build goes on without those clips, and says so. Started again, the command asks for what is still
missing.
"""

import argparse
import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from data_pipelines.clips import VIDEO_SUFFIXES
from data_pipelines.command import DONE, Parser, run
from data_pipelines.errors import InputError
from data_pipelines.progress import track
from data_pipelines.voxceleb.inputs import Input, Metadata, OfficialTracks, find_videos, wanted_videos

REPORT = "missing.csv"
# No sound, and no larger pictures than the largest crops ask for.
FORMAT = "bestvideo[ext=mp4][height<=1080]/bestvideo[height<=1080]/best"
# An hour of video takes minutes; what takes longer than this hangs.
TIMEOUT = 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, failed downloads included; 1 the work failed; 2 the options were wrong; 130 interrupted.

    Args:
        arguments: the words of the command line; by default those of the process.
    """
    return run("videos", _list_or_download, arguments)


def missing_videos(metadata: Path, folder: Path) -> list[str]:
    """The ids of the videos that are named and not there, sorted.

    Args:
        metadata: a csv file, or a folder of tracks.
        folder: of the videos; it need not exist.

    Raises:
        InputError: there is no such file or folder, or it names no videos.
    """
    if metadata.is_dir():
        source: Input = OfficialTracks(metadata, folder)
    elif metadata.is_file():
        source = Metadata(metadata, folder)
    else:
        raise InputError(f"there is no {metadata}: --metadata wants a csv file or a folder of IDENTITY/VIDEO/TRACK.txt")
    wanted = wanted_videos(source)
    if not wanted:
        raise InputError(f"{metadata} names no videos: give a csv file or a folder of IDENTITY/VIDEO/TRACK.txt")
    present = find_videos(folder) if folder.is_dir() else {}
    return [video for video in wanted if video not in present]


def download(
    video: str, folder: Path, downloader: str, words: Sequence[str] = (), *, timeout: float = TIMEOUT
) -> str | None:
    """None where the downloader has left the video in the folder, else why it has not.

    Args:
        video: an id of YouTube's.
        folder: for the video, which must exist.
        downloader: the path of yt-dlp.
        words: further options for it.
        timeout: seconds after which it is ended.
    """
    if not re.fullmatch(r"[\w-]+", video, re.ASCII):
        return "this is no id of a video"
    command = [downloader, "--quiet", "--no-warnings", "--no-playlist", "--format", FORMAT, *words]
    template = f"{str(folder).replace('%', '%%')}/%(id)s.%(ext)s"
    command += ["--output", template, f"https://www.youtube.com/watch?v={video}"]
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace"}
    try:
        done = subprocess.run(command, timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        return f"{Path(downloader).name} was not done after {timeout:g} seconds"
    if any((folder / f"{video}{suffix}").exists() for suffix in VIDEO_SUFFIXES):
        return None
    errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    if errors:
        return errors[-1]
    return f"{Path(downloader).name} ended with status {done.returncode} and left no video"


def _list_or_download(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    missing = missing_videos(options.metadata, options.videos)
    if not options.timeout > 0:
        raise InputError(f"--timeout is {options.timeout:g}: give a number of seconds above 0")
    if options.download:
        _download_all(missing, options)
    else:
        for video in missing:
            print(video)
        print(f"{len(missing)} videos are missing in {options.videos}", file=sys.stderr)
    return DONE


def _download_all(missing: Sequence[str], options: argparse.Namespace) -> None:
    folder, report, words = options.videos, options.report or options.videos / REPORT, options.downloader_options or ()
    downloader = shutil.which("yt-dlp")
    if downloader is None:
        raise InputError("--download needs yt-dlp on the PATH: install it, or fetch the listed videos another way")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        report.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"nothing can be written to {error.filename} ({error.strerror}): give another folder"
        ) from error
    failures: list[tuple[str, str]] = []
    try:
        for video in track(missing, total=len(missing), label="videos", unit="video"):
            reason = download(video, folder, downloader, words, timeout=options.timeout)
            if reason is not None:
                failures.append((video, reason))
    finally:  # An interrupted command reports what failed so far.
        _write(report, failures)
    print(f"fetched {len(missing) - len(failures)} videos, {len(failures)} failed: see {report}")


def _write(report: Path, failures: Iterable[tuple[str, str]]) -> None:
    """Writes the report whole or not at all."""
    part = report.with_name(f"{report.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("video_id", "reason"), *failures])
    part.replace(report)


def _parser() -> Parser:
    parser = Parser(name="voxceleb.videos", description="List the missing videos, or have yt-dlp fetch them.")
    parser.add_argument("--metadata", type=Path, required=True, help="a csv file, or a folder of the official tracks")
    parser.add_argument("--videos", type=Path, required=True, metavar="DIR", help="where the videos are, by their ids")
    parser.add_argument("--download", action="store_true", help="ask yt-dlp for each missing video")
    parser.add_argument("--report", type=Path, metavar="FILE", help=f"of what failed; by default {REPORT} in --videos")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="for each video; by default an hour"
    )
    parser.add_argument(
        "--downloader_options", nargs=argparse.REMAINDER, help="all that follows is handed to yt-dlp, such as -r 1M"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
