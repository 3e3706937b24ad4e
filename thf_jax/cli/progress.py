"""How far long work is and how fast it goes."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

INTERVAL = 5.0
"""Seconds between two lines where there is no terminal."""


class Progress(Generic[Item]):
    """Items as they come, with a bar on a terminal or plain lines elsewhere, on stderr, and the time they took."""

    def __init__(self, items: Iterable[Item], *, label: str, total: int | None):
        self.items, self.label, self.total = items, label, total
        self.count, self.seconds, self.first = 0, 0.0, 0.0

    def __iter__(self) -> Iterator[Item]:
        start = time.perf_counter()
        for item in self._barred() if sys.stderr.isatty() else self._lined():
            if not self.count:
                self.first = time.perf_counter() - start
            self.count += 1
            yield item
            self.seconds = time.perf_counter() - start

    def summary(self) -> str:
        """The number of items, their time, and their rate once running: the wait for the first is not counted in it."""
        text = f"{self.count} frame{'s' * (self.count != 1)} in {self.seconds:.1f} s"
        if self.count < 2:
            return text
        rate = (self.count - 1) / (self.seconds - self.first)
        return f"{text}: {rate:.1f} frames/s once the first was there after {self.first:.1f} s"

    def _barred(self) -> Iterator[Item]:
        from tqdm import tqdm

        return iter(tqdm(self.items, desc=self.label, total=self.total, unit="frame", leave=False))

    def _lined(self) -> Iterator[Item]:
        due = time.perf_counter() + INTERVAL
        for count, item in enumerate(self.items, start=1):
            if time.perf_counter() >= due:
                print(f"{self.label}: frame {count} of {self.total or 'unknown many'}", file=sys.stderr, flush=True)
                due = time.perf_counter() + INTERVAL
            yield item
