"""What the tests of LivePortrait share: recorded numbers of the original implementation."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np


@functools.cache
def recorded(reference: Path) -> dict[str, np.ndarray]:
    """Every array of the recording by name; torch's, channels first. None is written to."""
    with np.load(reference / "golden" / "liveportrait_tiny.npz") as archive:
        return dict(archive)


@functools.cache
def configuration(reference: Path) -> dict[str, Any]:
    """The fields of the recorded networks, and the flags of every recorded run of the pipeline."""
    return json.loads(str(recorded(reference)["config_json"]))
