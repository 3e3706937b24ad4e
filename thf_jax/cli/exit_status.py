"""How every command ends: with an exit status and, where something is wrong, one sentence."""

import errno
import sys
import traceback
from collections.abc import Callable, Sequence

from data_pipelines.errors import InputError as DataError
from thf_jax.errors import InputError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
UNREACHABLE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
}
"""What the system answers where a path is at fault, and not the work."""


def exit_status(name: str, work: Callable[[list[str]], None], arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 the work failed, 2 the input or the options were wrong, 130 interrupted.

    Args:
        name: of the command, before what it says.
        work: the command, given its words.
        arguments: those words; by default the process's own.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if "" in words:
            raise InputError("one of the arguments is empty where a name or a value was wanted")
        work(words)
    except (InputError, DataError) as error:
        status, sentence, problem = WRONG_INPUT, str(error).splitlines()[0], error
    except KeyboardInterrupt as error:
        status, sentence, problem = INTERRUPTED, "interrupted", error
    except Exception as error:
        problem = error
        if isinstance(error, OSError) and error.errno in UNREACHABLE:
            path = f" {error.filename}" if error.filename else ""
            status, sentence = WRONG_INPUT, f"the file or folder{path} cannot be used: {error.strerror}"
        else:
            cause = " ".join([f"{type(error).__name__}:", *str(error).splitlines()[:1]])
            status, sentence = FAILED, f"the work failed: {cause} (--debug shows where)"
    else:
        return DONE
    # Looked for in the words themselves, since a wrong command line gives no options.
    if "--debug" in words:
        traceback.print_exception(problem)
    print(f"{name}: {sentence}", file=sys.stderr)
    return status
