"""What a system is: a linen module, and the parts that it is put together from."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from flax import linen as nn

Part = Callable[..., nn.Module]
"""A linen module's class; or a `functools.partial` of it, where the system's published values are not its defaults."""


class System(NamedTuple):
    """A module with three methods, `encode`, `motion` and `render`, and the parts that are its fields, by name.

    What the parts' fields default to is the system's published VoxCeleb model.
    """

    module: type[nn.Module]
    parts: Mapping[str, Part]
