"""The converters of published checkpoints by system."""

from collections.abc import Callable
from pathlib import Path

from thf_jax.interop.face_vid2vid import convert_face_vid2vid
from thf_jax.interop.fomm import convert_fomm
from thf_jax.interop.liveportrait import convert_liveportrait
from thf_jax.interop.monkey_net import convert_monkey_net
from thf_jax.interop.mraa import convert_mraa
from thf_jax.interop.x2face import convert_x2face

CONVERTERS: dict[str, Callable[..., Path]] = {
    "x2face": convert_x2face,
    "monkey_net": convert_monkey_net,
    "fomm": convert_fomm,
    "mraa": convert_mraa,
    "face_vid2vid": convert_face_vid2vid,
    "liveportrait": convert_liveportrait,
}
"""Each takes (checkpoint, out_dir, *, yaml=None, align_corners=None), see `conversion.convert_checkpoint`."""
