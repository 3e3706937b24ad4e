"""The published X2Face checkpoint (`x2face_model.pth`) as a model of this library."""

import functools
from collections.abc import Mapping
from typing import Any

from thf_jax.interop.conversion import Published, Tensors, checkpoint_variables, convert_checkpoint
from thf_jax.interop.state_dict import Rules

NETWORKS = {"embedding": "pix2pixUnwrapped", "driving": "pix2pixSampler"}
"""Torch's name of each part."""
POSE_LAYERS = ("posefrombottle", "bottlefrompose")
"""The modules between code and head pose that the pose model has beside the networks."""


def unet_rules(ours: str, theirs: str, depth: int) -> Rules:
    """The rules of a U-net that stands at these two names; each level is a submodule of the one above it."""
    rules = []
    for level in range(depth):
        block = theirs + ".submodule" * level
        rules += [
            (f"{ours}/down_{level}/conv", f"{block}.down.{1 if level else 0}"),
            (f"{ours}/down_{level}/norm", f"{block}.down.2"),
            (f"{ours}/up_{level}/conv", f"{block}.up.2"),
            (f"{ours}/up_{level}/norm", f"{block}.up.3"),
        ]
    return rules


def _rules(settings: Mapping[str, Any]) -> Rules:
    return [
        rule
        for part, network in NETWORKS.items()
        if settings[part] is not None
        for rule in unet_rules(f"{part}/unet", f"{network}.netG.model", settings[part]["depth"])
    ]


def _without_pose(tensors: Tensors) -> Tensors:
    return {name: value for name, value in tensors.items() if not any(f".{layer}." in name for layer in POSE_LAYERS)}


def _state_dicts(read: Any) -> Any:
    """What stands in the file's `state_dict`, beside an optimiser; or all of it."""
    return read.get("state_dict", read) if isinstance(read, Mapping) else read


X2FACE = Published(
    "x2face",
    "X2Face",
    networks=lambda settings: [network for part, network in NETWORKS.items() if settings[part] is not None],
    rules=_rules,
    align_corners=True,  # torch 0.2
    prepared=_without_pose,
    state_dicts=_state_dicts,
)
convert_x2face = functools.partial(convert_checkpoint, X2FACE)
x2face_variables = functools.partial(checkpoint_variables, X2FACE)
