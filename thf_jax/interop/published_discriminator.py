"""The discriminator in a published checkpoint, for whoever trains a published model further."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from thf_jax.errors import InputError
from thf_jax.interop import fomm, monkey_net
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.nn.discriminator import MultiScaleDiscriminator

_CONVERTERS: dict[str, Callable[..., dict[str, Any]]] = {
    "fomm": fomm.discriminator_variables,
    "monkey_net": monkey_net.discriminator_variables,
    "face_vid2vid": functools.partial(fomm.discriminator_variables, system="face vid2vid"),
}
"""Of the systems that were published with one."""


def published_discriminator(
    system: str, checkpoint: str | os.PathLike[str], module: MultiScaleDiscriminator, *, keypoints: int
) -> dict[str, Any]:
    """The variables of this discriminator, filled from the one in a published checkpoint of the system.

    Args:
        module: of one scale, the full one, as all that were published.
        keypoints: how many heat-maps it sees beside the image; 0 where it sees none.

    Raises:
        InputError: the system, or the checkpoint, has none, or it is of other settings.
    """
    if system not in _CONVERTERS:
        raise InputError(f"{system} was not published with a discriminator: leave train.start_discriminator empty")
    if tuple(module.scales) != (1.0,):
        raise InputError(
            f"published discriminators have the one scale 1, not {tuple(module.scales)}: give "
            "--config.discriminator.scales=(1.0,), or leave train.start_discriminator empty"
        )
    names = ("width", "depth", "most", "spectral_norm", "pool_last")
    fields = {name: getattr(module, name) for name in names}
    found = _CONVERTERS[system](read_checkpoint(checkpoint), fields, keypoints=keypoints, title=str(checkpoint))
    return {kind: {"scale0": tree} for kind, tree in found.items()}
