"""What a search may change: the types of the entries of `sweep()` in each system's file."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    """Whether equal factors, and not equal differences, are equally likely."""


Space = dict[str, Choice | Range]
"""By the entry of the configuration, as in `optimizer.learning_rate`."""

LEARNING_RATE = Range(5e-5, 2e-3, log=True)
"""Around the published values of all systems."""
EQUIVARIANCE = Choice((0.3, 1.0, 3.0, 10.0, 30.0))
PRIOR = Choice((0.0, 0.1, 0.3, 1.0, 3.0))
"""The weight of a term that short trainings need and long ones may do without."""
KEYPOINTS: Space = {
    "optimizer.learning_rate": LEARNING_RATE,
    "loss.equivariance_position": EQUIVARIANCE,
    "loss.equivariance_jacobian": EQUIVARIANCE,
    "loss.keypoint_prior": PRIOR,
    "model.detector.count": Choice((5, 10, 15, 20)),
}
"""Of FOMM and MRAA."""
