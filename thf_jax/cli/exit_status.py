"""How every command ends: with an exit status and, where something is wrong, one sentence."""

import contextlib
import errno
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from data_pipelines.errors import InputError as DataError
from thf_jax.errors import InputError

DONE, FAILED, WRONG_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
UNREACHABLE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
}
"""What the system answers where a path is at fault, and not the work."""


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the work meanwhile as Ctrl-C does, so that nothing half written stays; unless it is handled already.

    Handlers belong to the main thread: in another one nothing changes.
    """

    def end(number: int, frame: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one shall not break off what the first one began
        raise TerminatedError

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def exit_status(name: str, work: Callable[[list[str]], None], arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 the work failed, 2 the input or the options were wrong, 130 interrupted.

    Within `terminable` 143 is ended by SIGTERM.

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
    except TerminatedError as error:
        status, sentence, problem = TERMINATED, "ended by SIGTERM", error
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
