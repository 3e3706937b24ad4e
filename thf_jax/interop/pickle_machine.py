"""A pickle read as data: its program is interpreted here, opcode by opcode, and nothing that it names is ever imported.

Python's own unpickler imports every name in the file and calls it, so whoever wrote the file decides what runs. This
machine knows only the opcodes that plain values need, calls only the functions that its caller passes in, and refuses
every other name.
"""

import io
import mmap
import pickletools
from collections.abc import Callable, Collection, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, cast, runtime_checkable

LIMIT = 8 << 20
"""Bytes of one pickle. Tensors are stored outside it: that of a large checkpoint has a few hundred kilobytes."""


_COPIES = 8
"""How often, on average, what stands in a pickle may be handed to its caller's functions, which copy it."""


class RefusedError(ValueError):
    """What is wrong with a file, as the end of a sentence that begins with the file's name."""


@dataclass(frozen=True)
class Global:
    """A name that the pickle mentions, `torch.FloatStorage`; the object of that name is never looked up."""

    name: str


@runtime_checkable
class Buildable(Protocol):
    """A value that the pickle first makes, then gives a state."""

    def build(self, state: Any) -> None:
        """Take the state over; ValueError where it is not one."""


@dataclass
class Machine:
    """The stack machine of one pickle.

    Args:
        constructors: the functions that the pickle may call, by the name that it uses.
        inert: names that it may mention, as arguments of constructors.
        persistent: makes a value of a persistent id, torch's reference to a storage.
    """

    constructors: Mapping[str, Callable[..., Any]]
    inert: Collection[str]
    persistent: Callable[[Any], Any]
    stack: list[Any] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    copied: int = 0
    """The lengths of all that constructors and states took over."""

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def mark(self) -> None:
        """Set what is on the stack aside until `since_mark`."""
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark, taken off the stack."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def last(self, count: int) -> tuple[Any, ...]:
        """The topmost values, taken off the stack."""
        if count > len(self.stack):
            raise IndexError("the stack is too short")
        values = tuple(self.stack[-count:])
        del self.stack[-count:]
        return values

    def name(self, name: str) -> None:
        """Push a name, if it is a known one."""
        if name not in self.constructors and name not in self.inert:
            raise RefusedError(f"asks for {name!r}, which is in no plain checkpoint and may be harmful: it was not run")
        self.push(Global(name))

    def call(self) -> None:
        """Replace a name and a tuple of arguments by what the caller's constructor makes of them."""
        target, arguments = self.last(2)
        if not isinstance(target, Global) or target.name not in self.constructors or not isinstance(arguments, tuple):
            raise RefusedError("calls something that is no plain value: it was not run")
        self.count(arguments)
        self.push(self.constructors[target.name](*arguments))

    def build(self) -> None:
        """Give a state to the value below it; that of a dictionary, such as torch's `_metadata`, is dropped."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Buildable):
            self.count(state)
            target.build(state)
        elif not isinstance(target, dict):
            raise RefusedError("sets attributes of something that has none: it was not done")

    def count(self, values: Iterable[Any]) -> None:
        """Note how long the values are that are about to be copied."""
        self.copied += sum(len(value) for value in values if isinstance(value, Sized))

    def extend(self, values: Iterable[Any]) -> None:
        """Append to the list on top of the stack."""
        if not isinstance(self.stack[-1], list):
            raise TypeError("items for something that is not a list")
        self.stack[-1].extend(values)

    def update(self, values: list[Any]) -> None:
        """Put keys and values, in turn, into the dictionary on top of the stack."""
        if not isinstance(self.stack[-1], dict):
            raise TypeError("items for something that is not a dictionary")
        self.stack[-1].update(in_turn(values))

    def remember(self, index: int | None = None) -> None:
        """Note the top of the stack under a number, by default the next free one."""
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]


def dictionary(pairs: Iterable[Any] = ()) -> dict[Any, Any]:
    """A plain dictionary. Keys must be plain: hashing a deeply nested tuple could exhaust the interpreter's stack."""
    result = {}
    for key, value in pairs:
        if not isinstance(key, str | int | float | bytes | None):
            raise TypeError(f"a key of type {type(key).__name__}")
        result[key] = value
    return result


def in_turn(values: list[Any]) -> dict[Any, Any]:
    """The dictionary of keys and values in turn."""
    return dictionary(zip(values[::2], values[1::2], strict=True))


_NUMBERS = ["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"]
_BYTES = ["STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"]
_TEXTS = ["UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"]
_LITERALS = frozenset([*_NUMBERS, *_BYTES, *_TEXTS])
"""Opcodes that push their own argument."""

_STEPS: dict[str, Callable[[Machine, Any], Any]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.last(3)),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": lambda machine, _: machine.push(in_turn(machine.since_mark())),
    "SETITEM": lambda machine, _: machine.update(list(machine.last(2))),
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    "GLOBAL": lambda machine, name: machine.name(name.replace(" ", ".", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(".".join(machine.last(2))),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.push(machine.persistent(machine.stack.pop())),
    "MEMOIZE": lambda machine, _: machine.remember(),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda machine, index: machine.remember(index)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
}


def read_pickle(
    stream: io.BytesIO | mmap.mmap,
    *,
    constructors: Mapping[str, Callable[..., Any]],
    inert: Collection[str],
    persistent: Callable[[Any], Any],
    limit: int | None = None,
) -> Any:
    """The value of the pickle that begins at the stream's position, which is left just after it.

    Args:
        stream: what is read.
        constructors, inert, persistent: see `Machine`.
        limit: how many bytes it may have; None means `LIMIT`.

    Raises:
        RefusedError: it asks for anything but plain values and the given names.
        ValueError: it is damaged.
    """
    limit = LIMIT if limit is None else limit
    machine = Machine(constructors, inert, persistent)
    start = stream.tell()
    for opcode, argument, position in pickletools.genops(cast(IO[bytes], stream)):
        length = (position or 0) - start
        if length > limit:
            raise RefusedError(f"has a pickle of more than {limit >> 20} MB, which is no table of tensors")
        if machine.copied > _COPIES * length:
            raise RefusedError("repeats parts of itself so often that they would fill the memory")
        try:
            if opcode.name == "STOP":
                return machine.stack.pop()
            if opcode.name in _LITERALS:
                machine.push(argument)
            elif opcode.name in _STEPS:
                _STEPS[opcode.name](machine, argument)
            else:
                raise RefusedError(
                    f"uses the pickle instruction {opcode.name}, which no plain value needs: it was not run"
                )
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
            raise ValueError(f"malformed pickle: {error}") from error
    raise ValueError("a pickle without an end")
