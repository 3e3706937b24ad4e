"""The checkpoints of face vid2vid's public implementation, both generations, as models of this library."""

import functools
from collections.abc import Mapping
from typing import Any

from thf_jax.interop.conversion import Published, checkpoint_variables, convert_checkpoint
from thf_jax.interop.face_vid2vid_yaml import authors_configuration
from thf_jax.interop.networks import flatten
from thf_jax.interop.state_dict import Rules
from thf_jax.interop.volume_rules import appearance_rules, dense_motion_rules, flattening_rules, spade_rules
from thf_jax.models.head_estimator import STAGES


def _estimator_rules() -> Rules:
    """Torch counts the blocks that halve the map and the groups of those that keep it: block1.b1_0, ..., block2, ..."""
    rules, number = [], 0
    for stage, (halving, keeping) in enumerate(STAGES):
        names = []
        if halving:
            number += 1
            names = [f"block{number}"]
        number += 1
        names += [f"block{number}.b{number}_{index}" for index in range(keeping)]
        rules += [(f"estimator/stage{stage}_{i}/(.+)", rf"he_estimator.{name}.\1") for i, name in enumerate(names)]
    return [
        *rules,
        (r"estimator/same(\d)/(conv|norm)", r"he_estimator.\2\1"),
        # The authors' layers for yaw and roll bear each other's name.
        ("estimator/yaw", "he_estimator.fc_roll"),
        ("estimator/pitch", "he_estimator.fc_pitch"),
        ("estimator/roll", "he_estimator.fc_yaw"),
        ("estimator/translation", "he_estimator.fc_t"),
        ("estimator/expression", "he_estimator.fc_exp"),
    ]


RULES: Rules = [
    (r"detector/(down|up)(\d+)/(conv|norm)", r"kp_detector.predictor.\1_blocks.\1\2.\3"),
    ("detector/lift", "kp_detector.predictor.conv"),
    ("detector/heatmaps", "kp_detector.kp"),
    *_estimator_rules(),
    *appearance_rules("appearance", "generator."),
    *dense_motion_rules("dense_motion", "generator.dense_motion_network."),
    *flattening_rules("generator", "generator."),
]
PLAIN_RULES: Rules = [
    (r"generator/residual_(\d+)/(conv[12]|norm[12])", r"generator.resblocks_2d.2dr\1.\2"),
    (r"generator/up_(\d+)/(conv|norm)", r"generator.up_blocks.\1.\2"),
    ("generator/final", "generator.final"),
]
SPADE_RULES: Rules = spade_rules("generator", "generator.decoder.")


def settings_seen(state_dicts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings that a checkpoint's tensors tell by their names: the kind of generator, and the generation.

    The older generation is known by the filter that it lacks: it does not down-sample pictures for its detector.
    """
    flat = flatten(state_dicts)
    spade = any(name.startswith("generator.decoder.") for name in flat)
    # The number of blocks in the middle of a SPADE generator is fixed.
    generator = {"spade": True, "middle_blocks": 6} if spade else {"spade": False}
    seen: dict[str, dict[str, Any]] = {"generator": generator, "appearance": {"first_size": 3 if spade else 7}}
    if "kp_detector.down.weight" in flat:
        return seen
    return seen | {"detector": {"scale": 1.0}, "estimator": {"order": "roll_pitch_yaw"}}


FACE_VID2VID = Published(
    "face_vid2vid",
    "face vid2vid",
    networks=lambda settings: ("kp_detector", "he_estimator", "generator"),
    rules=lambda settings: [*RULES, *(SPADE_RULES if settings["generator"]["spade"] else PLAIN_RULES)],
    align_corners=False,  # torch 1.7
    filters=lambda settings: {"kp_detector.down.weight": settings["detector"]["scale"]},
    authors=authors_configuration,
    seen=settings_seen,
)
convert_face_vid2vid = functools.partial(convert_checkpoint, FACE_VID2VID)
face_vid2vid_variables = functools.partial(checkpoint_variables, FACE_VID2VID)
