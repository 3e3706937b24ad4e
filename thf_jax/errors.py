"""The one error that means: the input or the options were wrong."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """One sentence for the user: what came, what was wanted, and the nearest valid choice.

    Commands print it without a traceback and exit with status 2.
    """


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of such a sentence: `; nearest: ...`, or all of the choices where none is near."""
    names = sorted(choices)
    found = difflib.get_close_matches(name, names, n=1)
    return f"; the nearest is {found[0]!r}" if found else f"; choose one of {', '.join(names)}"
