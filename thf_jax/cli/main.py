"""The command `thf`."""

import errno
import sys
import traceback
from collections.abc import Sequence

from data_pipelines.errors import InputError as ClipError
from thf_jax import __version__
from thf_jax.cli import animate, convert, demo, export, models, motion
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
UNREACHABLE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
}
"""What the system answers where a path is at fault, and not the work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 the work failed, 2 the input or the options were wrong, 130 interrupted.

    Args:
        arguments: the words after `thf`; by default those of the process.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if "" in words:
            raise InputError("one of the arguments is empty where a name or a value was wanted")
        options = _parser().parse_args(words)
        options.run(options)
    except (InputError, ClipError) as error:
        return _report(error, WRONG_INPUT, str(error).splitlines()[0], words)
    except KeyboardInterrupt as error:
        return _report(error, INTERRUPTED, "interrupted", words)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNREACHABLE:
            name = f" {error.filename}" if error.filename else ""
            return _report(error, WRONG_INPUT, f"the file or folder{name} cannot be used: {error.strerror}", words)
        cause = " ".join([f"{type(error).__name__}:", *str(error).splitlines()[:1]])
        return _report(error, FAILED, f"the work failed: {cause} (--debug shows where)", words)
    return DONE


def _report(error: BaseException, status: int, sentence: str, words: Sequence[str]) -> int:
    # Looked for in the words themselves, since a wrong command line gives no options.
    if "--debug" in words:
        traceback.print_exception(error)
    print(f"thf: {sentence}", file=sys.stderr)
    return status


def _parser() -> Parser:
    parser = Parser(prog="thf", description="Make a portrait move as the person in a video does.")
    parser.add_argument("--version", action="version", version=f"thf_jax {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (animate, motion, demo, convert, export, models):
        command.add_parser(commands)
    return parser
