"""What the commands here share: their options, how they end, and how they write."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from thf_jax.cli.exit_status import exit_status
from thf_jax.cli.parser import Parser
from thf_jax.inference.outputs import appearing


def command_parser(name: str, description: str | None) -> Parser:
    """A parser for `python -m experiments.NAME`; of the description the first line is shown."""
    return Parser(prog=f"python -m experiments.{name}", description=(description or "").partition("\n")[0])


def run_command(
    name: str, options: Callable[[], Parser], run: Callable[[argparse.Namespace], None], arguments: Sequence[str] | None
) -> int:
    """The exit status of a command of these options, see `exit_status`."""
    return exit_status(name, lambda words: run(options().parse_args(words)), arguments)


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
