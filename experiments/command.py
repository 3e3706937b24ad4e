"""What the commands here share: their options, how they end, and how they write."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.configuration import without_overrides
from thf_jax.cli.compilation_cache import keep_compiled_programs
from thf_jax.cli.exit_status import exit_status, terminable
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.inference.outputs import appearing


def command_parser(name: str, description: str | None) -> Parser:
    """A parser for `python -m experiments.NAME`; of the description the first line is shown."""
    return Parser(prog=f"python -m experiments.{name}", description=(description or "").partition("\n")[0])


def run_command(
    name: str, options: Callable[[], Parser], run: Callable[[argparse.Namespace], None], arguments: Sequence[str] | None
) -> int:
    """The exit status of a command of these options, see `exit_status`."""
    return _ended(name, lambda words: run(options().parse_args(words)), arguments)


def run_configured(
    name: str,
    options: Callable[[], Parser],
    run: Callable[[argparse.Namespace, Sequence[str]], object],
    arguments: Sequence[str] | None,
) -> int:
    """The exit status of a command that takes overrides of a configuration as well, see `with_overrides`."""
    return _ended(name, with_overrides(options, run), arguments)


def _ended(name: str, work: Callable[[list[str]], None], arguments: Sequence[str] | None) -> int:
    keep_compiled_programs()
    with terminable():
        return exit_status(name, work, arguments)


def with_overrides(
    options: Callable[[], Parser], run: Callable[[argparse.Namespace, Sequence[str]], object]
) -> Callable[[list[str]], None]:
    """What a command does with its words, of which `run` is given those that override a configuration apart."""

    def work(words: list[str]) -> None:
        own, overrides = without_overrides(words)
        run(options().parse_args(own), overrides)

    return work


def check_least(arguments: argparse.Namespace, **least: int) -> None:
    """Raises InputError where an option of these names is less than it may be."""
    for name, lowest in least.items():
        if (value := getattr(arguments, name)) < lowest:
            raise InputError(f"--{name} is {value}: give {lowest} or more")


def labelled(text: str) -> tuple[str, str]:
    """The label and the path that `[LABEL=]PATH` names; a file or folder of the whole name is a path itself."""
    label, found, path = text.partition("=")
    if not found or Path(text).exists():
        label, path = "", text
    return label or Path(path).resolve().name, path


def around_section(page: Path, name: str) -> tuple[str, str]:
    """What stands before and after the section `name` of a Markdown page; without it, before and after its place.

    Raises:
        InputError: the page cannot be read as text, or the section begins and does not end.
    """
    begin, end = _marks(name)
    try:
        before = page.read_text(encoding="utf-8") if page.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the page {page}: {error}") from error
    head, found, rest = before.partition(begin)
    if not found:
        return (head.rstrip("\n") + "\n\n" if head else ""), "\n"
    _, ended, tail = rest.partition(end)
    if not ended:
        raise InputError(f"the page {page} has the comment {begin} and no {end} after it: put it back where it belongs")
    return head, tail


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def write_section(page: Path, name: str, text: str) -> None:
    """A Markdown page with this text as its section `name`, which takes the place of the one that was there.

    Sections stand between comments that name them, so that a command can renew its own and leave the rest alone; where
    the page has none of that name it is put at the end.

    Raises:
        InputError: as `around_section`.
    """
    (begin, end), (head, tail) = _marks(name), around_section(page, name)
    with appearing(page) as partial:
        partial.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def write_json(target: Path, results: dict[str, Any]) -> None:
    """The results as a file, which appears whole or not at all."""
    with appearing(target) as partial:
        partial.write_text(json.dumps(results, indent=2) + "\n")
