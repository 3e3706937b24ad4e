"""The published X2Face checkpoint (`x2face_model.pth`) as a model of this library."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thf_jax.interop.conversion import convert_checkpoint
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import Rules, convert, to_device

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


def convert_x2face(
    checkpoint: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    yaml: str | os.PathLike[str] | None = None,
    align_corners: bool = True,
) -> Path:
    """The model directory made of a published checkpoint; its optimiser and the pose model's layers are left out.

    Args:
        checkpoint: `x2face_model.pth`, the pose model, or a safetensors file of the same names.
        out_dir: where the model directory appears; new, empty, or a model that is replaced.
        yaml: must be None: the authors published no configuration files.
        align_corners: how the warps read their grids. The authors trained with True (torch 0.2).

    Raises:
        InputError: a file cannot be read or written, or the checkpoint is not X2Face's.
    """
    return convert_checkpoint(
        "x2face", checkpoint, out_dir, x2face_variables, align_corners=align_corners, yaml=yaml, authors=None
    )


def x2face_variables(
    checkpoint: Any,
    settings: Mapping[str, Mapping[str, Any]],
    *,
    size: int = 256,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """X2Face's variables, `{"params": ..., "batch_stats": ...}`, filled from torch's state dictionary.

    Args:
        checkpoint: `{"state_dict": {name: array}}`, where other entries are left out, or `{name: array}`.
        settings: as `thf_jax.models.build` takes them.
        size: of the pictures: 2^depth.
        title, advice: the beginning and the end of an error's sentence.

    Raises:
        InputError: tensors are missing, left over or of another shape.
    """
    inner = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, Mapping) else checkpoint
    tensors = network_tensors(inner, NETWORKS.values(), title=title, system="X2Face")
    given = {name: value for name, value in tensors.items() if not any(f".{layer}." in name for layer in POSE_LAYERS)}
    depths = {part: values["depth"] for part, values in complete("x2face", settings).items()}
    rules = [
        rule
        for part, network in NETWORKS.items()
        for rule in unet_rules(f"{part}/unet", f"{network}.netG.model", depths[part])
    ]
    shapes = variable_shapes("x2face", settings, size)
    return to_device(convert(given, shapes, rules, title=title, advice=advice))
