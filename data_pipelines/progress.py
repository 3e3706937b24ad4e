"""Progress of long work: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0

Item = TypeVar("Item")


def track(items: Iterable[Item], *, total: int, label: str, unit: str = "clip") -> Iterator[Item]:
    """The items, unchanged, while stderr shows how many of `total` have passed."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=label, unit=unit)
        return
    next_line = time.monotonic() + SECONDS_BETWEEN_LINES
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() >= next_line:
            print(f"{label}: {done} of {total}", file=sys.stderr, flush=True)
            next_line = time.monotonic() + SECONDS_BETWEEN_LINES
    print(f"{label}: {done} of {total}, done", file=sys.stderr, flush=True)
