"""An argument parser that answers a wrong command line with one sentence."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from thf_jax.errors import InputError, nearest

_INVALID_CHOICE = re.compile(r"argument (?P<what>\S+): invalid choice: '(?P<word>.*)' \(choose from (?P<choices>.*)\)")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises InputError where the standard one prints its usage and exits.

    argparse makes the parsers of sub-commands of this class too.
    """

    def __init__(self, **options: Any):
        super().__init__(**options, allow_abbrev=False)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The options. Nothing is left over: each parser knows best which of its options an unknown word is near to."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            own = re.findall(r"--[\w-]+", self.format_usage())
            hint = nearest(unknown[0], own) if unknown[0].startswith("-") else f"; see `{self.prog} --help`"
            raise InputError(f"`{self.prog}` does not take {unknown[0]!r}{hint}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed, the nearest choice in place of all of them."""
        wrong = _INVALID_CHOICE.fullmatch(message)
        if wrong is None:
            raise InputError(f"{message}; see `{self.prog} --help`")
        choices = [choice.strip("' ") for choice in wrong["choices"].split(",")]
        raise InputError(f"{wrong['what']} cannot be {wrong['word']!r}{nearest(wrong['word'], choices)}")
