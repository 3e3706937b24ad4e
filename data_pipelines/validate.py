"""`python -m data_pipelines.validate LOCATION`: one table of what is wrong with a dataset or a folder of clips.

Exit status: 0 nothing is wrong, 1 something is (or the work failed), 2 the location or the options are wrong.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from data_pipelines.candidates import find_candidates
from data_pipelines.checks import Problem, finding_problems, index_problems, read_clip
from data_pipelines.command import DONE, FAILED, Parser, run
from data_pipelines.errors import InputError
from data_pipelines.progress import track
from data_pipelines.sources import MINIMUM_FRAMES


def quick_problems(
    location: str | Path, *, data_dir: str | Path | None = None, split: str | None = None
) -> list[Problem]:
    """What the index tells of all splits, before any frame is read: cheap enough for the start of every training run.

    Args:
        location, data_dir, split: as in `open_dataset`, for the splits beside it too.

    Raises:
        InputError: there is no dataset at the location, or more than one.
    """
    return index_problems(find_candidates(location, data_dir=data_dir, beside=split))


def table(problems: Sequence[Problem]) -> str:
    """The problems in aligned columns under a head."""
    lines = [tuple(field.upper() for field in Problem._fields), *problems]
    widths = [max(len(line[column]) for line in lines) for column in range(len(Problem._fields) - 1)]
    return "\n".join("  ".join([*map(str.ljust, line, widths), line[-1]]).rstrip() for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; see the module's docstring."""
    return run("validate", _validate, arguments)


def _validate(words: Sequence[str]) -> int:
    parser = Parser(name="validate", description="Find what is wrong with a dataset or a folder of clips.")
    parser.add_argument(
        "location", metavar="LOCATION", help="a built dataset, its name, or a folder of splits of clips"
    )
    parser.add_argument("--split", nargs="+", help="the splits to look at; all by default")
    parser.add_argument("--data_dir", type=Path, help="where built datasets lie, if LOCATION is a name")
    parser.add_argument("--frames", type=int, help="read so many frames of each clip, from its first; all by default")
    options = parser.parse_args(words)
    if options.frames is not None and options.frames < MINIMUM_FRAMES:
        raise InputError(f"--frames is {options.frames}: give at least {MINIMUM_FRAMES}")
    found = find_candidates(options.location, data_dir=options.data_dir, splits=options.split)
    findings = {
        split: [read_clip(clip, most=options.frames) for clip in track(clips, total=len(clips), label=split)]
        for split, clips in found.items()
    }
    problems = finding_problems(findings)
    seen = ", ".join(f"{split}: {len(clips)} clips" for split, clips in found.items())
    if not problems:
        print(f"nothing is wrong ({seen})")
        return DONE
    print(table(problems))
    print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} ({seen})")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
