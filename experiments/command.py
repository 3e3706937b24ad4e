"""What the commands that score models share: how they end, and how they write."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipelines.errors import InputError as DataError
from thf_jax.errors import InputError
from thf_jax.inference.outputs import appearing


def status(name: str, run: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> int:
    """The exit status of `run(arguments)`: 0 done; 2 for wrong input, after one sentence unless `--debug` is given."""
    try:
        run(arguments)
    except (InputError, DataError) as error:
        if arguments.debug:
            raise
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    return 0


def write_section(page: Path, name: str, text: str) -> None:
    """A Markdown page with this text as its section `name`, which takes the place of the one that was there.

    Sections stand between comments that name them, so that a command can renew its own and leave the rest alone; where
    the page has none of that name it is put at the end.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    head, found, rest = before.partition(begin)
    tail = rest.partition(end)[2] if found else "\n"
    head = head if found or not head else head.rstrip("\n") + "\n\n"
    with appearing(page) as partial:
        partial.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def write_json(target: Path, results: dict[str, Any]) -> None:
    """The results as a file, which appears whole or not at all."""
    with appearing(target) as partial:
        partial.write_text(json.dumps(results, indent=2) + "\n")
