"""The type of a run's configuration."""

from typing import Any

Config = Any
"""An `ml_collections.ConfigDict` as `configs/*.py` make it: locked, so that unknown names fail when it runs.

A type checker cannot know its entries.
"""
