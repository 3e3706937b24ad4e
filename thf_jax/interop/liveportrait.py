"""LivePortrait's published weights, five files in a folder, as a model of this library."""

import functools

from thf_jax.interop.conversion import Published, Tensors, checkpoint_variables, convert_checkpoint
from thf_jax.interop.liveportrait_files import NETWORKS, read_networks
from thf_jax.interop.state_dict import Rules
from thf_jax.interop.volume_rules import appearance_rules, dense_motion_rules, flattening_rules, spade_rules

_DETECTOR = "motion_extractor.detector"
_BACKBONE, _STAGE = "extractor/backbone", r"extractor/backbone/stage(\d+)_(\d+)"
_MODULES = {"stitch": "retarget_shoulder", "eye": "retarget_eye", "lip": "retarget_mouth"}
_MOST_LAYERS = 8

RULES: Rules = [
    # The first shrinking is normalised afterwards, every other one before.
    (f"{_BACKBONE}/shrink0", f"{_DETECTOR}.downsample_layers.0.0"),
    (f"{_BACKBONE}/norm0", f"{_DETECTOR}.downsample_layers.0.1"),
    (rf"{_BACKBONE}/norm(\d+)", rf"{_DETECTOR}.downsample_layers.\1.0"),
    (rf"{_BACKBONE}/shrink(\d+)", rf"{_DETECTOR}.downsample_layers.\1.1"),
    (f"{_BACKBONE}/norm", f"{_DETECTOR}.norm"),
    (f"{_STAGE}/depthwise", rf"{_DETECTOR}.stages.\1.\2.dwconv"),
    (f"{_STAGE}/norm", rf"{_DETECTOR}.stages.\1.\2.norm"),
    (f"{_STAGE}/expand", rf"{_DETECTOR}.stages.\1.\2.pwconv1"),
    (f"{_STAGE}/response", rf"{_DETECTOR}.stages.\1.\2.grn"),
    (f"{_STAGE}/project", rf"{_DETECTOR}.stages.\1.\2.pwconv2"),
    ("extractor/canonical", f"{_DETECTOR}.fc_kp"),
    ("extractor/expression", f"{_DETECTOR}.fc_exp"),
    ("extractor/translation", f"{_DETECTOR}.fc_t"),
    ("extractor/(scale|yaw|pitch|roll)", rf"{_DETECTOR}.fc_\1"),
    *appearance_rules("appearance", "appearance_feature_extractor."),
    *dense_motion_rules("dense_motion", "warping_module.dense_motion_network."),
    *flattening_rules("generator", "warping_module."),
    *spade_rules("generator", "spade_generator.", last="conv_img.0"),
    # Torch counts the activations between the layers as well.
    *(
        (f"corrector/{ours}_network/layer{index}", f"stitching_retargeting_module.{theirs}.mlp.{2 * index}")
        for ours, theirs in _MODULES.items()
        for index in range(_MOST_LAYERS)
    ),
]


def _vectors(tensors: Tensors) -> Tensors:
    """Vectors that torch keeps as [1 1 1 c], in their own shape; every other tensor as it is."""
    return {
        name: value.reshape(-1) if ".grn." in name and value.shape[:-1] == (1, 1, 1) else value
        for name, value in tensors.items()
    }


LIVE_PORTRAIT = Published(
    "liveportrait",
    "LivePortrait",
    networks=lambda settings: NETWORKS,
    rules=lambda settings: RULES,
    align_corners=False,
    prepared=_vectors,
    read=read_networks,
)
convert_liveportrait = functools.partial(convert_checkpoint, LIVE_PORTRAIT)
liveportrait_variables = functools.partial(checkpoint_variables, LIVE_PORTRAIT)
