"""The converters of published checkpoints by system."""

from collections.abc import Callable
from pathlib import Path

from thf_jax.interop.fomm import convert_fomm
from thf_jax.interop.x2face import convert_x2face

CONVERTERS: dict[str, Callable[..., Path]] = {
    "fomm": convert_fomm,
    "x2face": convert_x2face,
}
"""Each takes (checkpoint, out_dir, *, yaml=None, align_corners=as the authors trained)."""
