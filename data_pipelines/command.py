"""What the commands of this package share: their options, exit statuses, and what they say when something is wrong."""

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from absl import logging

from data_pipelines.errors import InputError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Raises InputError where the standard one prints its usage and exits; knows --debug.

    `name` is that of the command's module; those of sub-commands, which argparse makes, get a `prog` instead.
    """

    def __init__(self, *, name: str | None = None, **options: Any):
        if name is not None:
            options["prog"] = f"python -m data_pipelines.{name}"
        super().__init__(**options)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


def run(name: str, work: Callable[[Sequence[str]], int], arguments: Sequence[str] | None) -> int:
    """The exit status of a command: what `work` returns, 1 if it failed, 2 if the input was wrong, 130 if interrupted.

    Args:
        name: of the command, before what it says.
        work: the command, given its words.
        arguments: the words of the command line; by default those of the process.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    logging.set_verbosity(logging.ERROR)  # absl's, through which TFDS speaks
    try:
        return work(words)
    except InputError as error:
        status, sentence, problem = WRONG_INPUT, str(error), error
    except KeyboardInterrupt as error:
        status, sentence, problem = INTERRUPTED, "interrupted", error
    except Exception as error:
        sentence = f"the work failed: {type(error).__name__}: {error} (--debug shows where)"
        status, problem = FAILED, error
    # Looked for in the words themselves, since a wrong command line gives no options.
    if "--debug" in words:
        traceback.print_exception(problem)
    print(f"{name}: {sentence}", file=sys.stderr)
    return status
