"""An adaptive binary range coder (Martin 1979) and whole numbers coded with it.

Each bit has a context, which counts the zeros and ones that came in it: the more predictable it is, the less it costs.
Encoder and decoder count alike, so that nothing but the coded bits travels.
"""

import math
from collections.abc import Callable, Hashable

_TOP, _BOTTOM = 1 << 32, 1 << 24
_MOST = 1 << 10
"""Bits counted in a context before its counts are halved: what came lately counts more."""
MOST_BITS_A_BYTE = 8 / math.log2(1 + 1 / (2 * _MOST + 1))
"""No bit is so predictable that a byte could hold more of them."""
_PLAIN = 14
"""Magnitudes up to this one are coded in unary, larger ones in the Exp-Golomb code of what is beyond."""
_LONGEST = 40
"""Binary digits of what is beyond: numbers without an end would take a damaged stream's reader ever longer."""


class _Contexts:
    """How many zeros and ones came in each context."""

    def __init__(self):
        self._counts: dict[Hashable, list[int]] = {}

    def share(self, context: Hashable, span: int) -> int:
        """The part of a span of values that means 0."""
        zeros, ones = self._counts.get(context, (0, 0))
        return span * (2 * zeros + 1) // (2 * (zeros + ones) + 2)

    def count(self, context: Hashable, bit: int) -> None:
        """Learn that this bit came."""
        counts = self._counts.setdefault(context, [0, 0])
        counts[bit] += 1
        if sum(counts) > _MOST:
            counts[:] = (counts[0] // 2, counts[1] // 2)


class Encoder:
    """Collects bits; `finish` gives them as bytes."""

    def __init__(self):
        self._contexts, self._bytes = _Contexts(), bytearray()
        self._low, self._range = 0, _TOP

    def bit(self, value: int, context: Hashable) -> None:
        """Code one bit."""
        split = self._contexts.share(context, self._range)
        self._contexts.count(context, value)
        if value:
            self._low, self._range = self._low + split, self._range - split
        else:
            self._range = split
        self._carry()
        while self._range < _BOTTOM:
            self._shift()
            self._range <<= 8

    def finish(self) -> bytes:
        """All that was coded, in as few bytes as tell it; zeros count as present after their end."""
        for count in range(5):
            rest = (1 << (32 - 8 * count)) - 1
            value = (self._low + rest) & ~rest
            if value < self._low + self._range:
                self._low = value
                self._carry()
                for _ in range(count):
                    self._shift()
                break
        return bytes(self._bytes)

    def _carry(self) -> None:
        if self._low >= _TOP:
            self._low -= _TOP
            position = len(self._bytes) - 1
            while self._bytes[position] == 255:
                self._bytes[position] = 0
                position -= 1
            self._bytes[position] += 1

    def _shift(self) -> None:
        self._bytes.append(self._low >> 24)
        self._low = (self._low << 8) & (_TOP - 1)


class Decoder:
    """Gives back the bits of an `Encoder`, asked for with the same contexts."""

    def __init__(self, data: bytes):
        self._contexts, self._rest = _Contexts(), iter(data)
        self._range, self._code = _TOP, 0
        for _ in range(4):
            self._code = self._code << 8 | next(self._rest, 0)

    def bit(self, context: Hashable) -> int:
        """The next bit."""
        split = self._contexts.share(context, self._range)
        value = int(self._code >= split)
        self._contexts.count(context, value)
        if value:
            self._code, self._range = self._code - split, self._range - split
        else:
            self._range = split
        while self._range < _BOTTOM:
            self._code = self._code << 8 | next(self._rest, 0)
            self._range <<= 8
        return value


def encode_integer(encoder: Encoder, value: int, context: Hashable) -> None:
    """Code a whole number: its magnitude in unary, beyond `_PLAIN` in an Exp-Golomb code, and its sign.

    Raises:
        ValueError: what is beyond has more than 40 binary digits.
    """
    _magnitude(lambda bit, place: _sent(encoder, bit, (context, place)), abs(value))
    if value:
        encoder.bit(int(value < 0), (context, "sign"))


def decode_integer(decoder: Decoder, context: Hashable) -> int:
    """The whole number that `encode_integer` coded with this context.

    Raises:
        ValueError: there is none.
    """
    magnitude = _magnitude(lambda bit, place: decoder.bit((context, place)), None)
    return -magnitude if magnitude and decoder.bit((context, "sign")) else magnitude


def _sent(encoder: Encoder, bit: int, context: Hashable) -> int:
    encoder.bit(bit, context)
    return bit


def _magnitude(transfer: Callable[[int, Hashable], int], value: int | None) -> int:
    """The magnitude, bit by bit through `transfer`, which sends the bit that it is given or fetches another.

    One description of the code serves both directions; `value` is None where it is not known yet.
    """
    known = 0 if value is None else value
    for size in range(_PLAIN + 1):
        if not transfer(int(known > size), size):
            return size
    beyond, bits = known - _PLAIN, 0
    while transfer(int(beyond.bit_length() - 1 > bits), ("length", bits)):
        bits += 1
        if bits == _LONGEST:
            raise ValueError(f"a number of more than {_LONGEST} binary digits")
    found = 1
    for place in reversed(range(bits)):
        found = found << 1 | transfer(beyond >> place & 1, ("digit", min(bits - place, 2)))
    return found + _PLAIN
