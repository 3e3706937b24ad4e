"""When the pictures of a clip are shown, and how pictures with uneven times become frames of one constant rate."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import numpy as np
from jaxtyping import Int64

Shown = TypeVar("Shown")
HALF = Fraction(1, 2)
# Frames a second. Above it a rate is more likely to be the unit in which the file counts time.
FASTEST = 240


@dataclasses.dataclass(frozen=True)
class Times:
    """When pictures are shown: the ascending times at which they begin, and how long the last one lasts, in ticks.

    `tick` is in seconds. `last` is 0 where it is not known.
    """

    starts: Int64[np.ndarray, " t"]
    last: int
    tick: Fraction

    def even_at(self, rate: Fraction) -> bool:
        """Whether every picture begins within half a frame of where even spacing at this rate would put it."""
        steps = (self.starts - self.starts[0]) * float(self.tick * rate)
        return bool(np.abs(steps - np.arange(len(steps))).max() <= 0.5)

    def mean_rate(self) -> Fraction | None:
        """Pictures a second on the whole; None where they have no extent in time."""
        count = len(self.starts) if self.last else len(self.starts) - 1
        ticks = int(self.starts[-1] - self.starts[0]) + self.last
        return Fraction(count, ticks) / self.tick if count and ticks else None

    def usual_rate(self) -> Fraction | None:
        """Pictures a second while they follow each other as they usually do, so that pauses do not count.

        It is the mean over those gaps that differ from the middle one by less than half of it.
        """
        gaps = np.diff(self.starts)
        gaps = gaps[gaps > 0]
        if not len(gaps):
            return None
        middle = np.sort(gaps)[(len(gaps) - 1) // 2]
        usual = gaps[np.abs(gaps - middle) <= middle / 2]
        return Fraction(len(usual), int(usual.sum())) / self.tick

    def longest(self) -> Fraction:
        """Seconds for which one picture stands still."""
        return max([self.last, *np.diff(self.starts).tolist()]) * self.tick

    def frames_at(self, rate: Fraction) -> int:
        """How many frames `at_rate` makes of these pictures."""
        shown = int(self.starts[-1] - self.starts[0]) * self.tick + max(self.last * self.tick, 1 / rate)
        return math.floor(shown * rate + HALF)


def at_rate(pictures: Iterable[tuple[Shown, Fraction | None, Fraction]], rate: Fraction) -> Iterator[Shown]:
    """The pictures as frames of a constant rate, repeated and left out as their times ask for.

    Frame k shows the last picture that begins before (k + 1/2) / `rate`, counted from the first one's beginning. Thus
    pictures that are out of step by less than half a frame, as rounded times are, all appear once.

    Args:
        pictures: each with its time and how long it lasts, in seconds. One whose time is missing, or not after that
            of the picture before it, counts as one frame later. The last one is shown for a frame at least.
        rate: frames a second.
    """
    waiting: list[Shown] = []
    first = begin = lasts = Fraction(0)
    count = 0
    for picture, time, duration in pictures:
        if not waiting:
            first = begin = time or Fraction(0)
        else:
            begin = begin + 1 / rate if time is None or time <= begin else time
            end = math.floor((begin - first) * rate + HALF)
            yield from itertools.repeat(waiting.pop(), max(0, end - count))
            count = max(count, end)
        waiting, lasts = [picture], duration
    end = math.floor((begin - first + max(lasts, 1 / rate)) * rate + HALF)
    for picture in waiting:
        yield from itertools.repeat(picture, end - count)
