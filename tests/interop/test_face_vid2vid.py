"""Checkpoints of face vid2vid: at full size without a number computed, and as files of a small model."""

import json

import jax
import numpy as np
import pytest
import safetensors.numpy
import yaml

from tests.interop.samples import antialias_filter
from thf_jax.errors import InputError
from thf_jax.interop import conversion
from thf_jax.interop.face_vid2vid import PLAIN_RULES, RULES, convert_face_vid2vid, face_vid2vid_variables, settings_seen
from thf_jax.interop.face_vid2vid_yaml import authors_configuration
from thf_jax.interop.fomm import discriminator_variables
from thf_jax.interop.model_directory import load_model
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.interop.state_dict import wanted_tensors
from thf_jax.models import published

SYSTEM = "face_vid2vid"
COUNTS = {"detector": 41_940_047, "estimator": 30_254_838}
GENERATORS = {"generator_spade": 100_988_176, "generator_original": 53_101_392}
VOX = {
    "dataset_params": {"frame_shape": [256, 256, 3]},
    "model_params": {
        "common_params": {"num_kp": 15, "image_channel": 3, "feature_channel": 32, "estimate_jacobian": False},
        "kp_detector_params": {
            "temperature": 0.1,
            "block_expansion": 32,
            "max_features": 1024,
            "scale_factor": 0.25,
            "num_blocks": 5,
            "reshape_channel": 16384,
            "reshape_depth": 16,
        },
        "he_estimator_params": {"block_expansion": 64, "max_features": 2048, "num_bins": 66},
        "generator_params": {
            "block_expansion": 64,
            "max_features": 512,
            "num_down_blocks": 2,
            "reshape_channel": 32,
            "reshape_depth": 16,
            "num_resblocks": 6,
            "estimate_occlusion_map": True,
            "dense_motion_params": {
                "block_expansion": 32,
                "max_features": 1024,
                "num_blocks": 5,
                "reshape_depth": 16,
                "compress": 4,
            },
        },
        "discriminator_params": {
            "scales": [1],
            "block_expansion": 32,
            "max_features": 512,
            "num_blocks": 4,
            "sn": True,
        },
    },
}


@pytest.fixture(scope="module")
def tables(reference) -> dict[str, dict[str, list[int]]]:
    return json.loads((reference / "state_dicts" / "face_vid2vid.json").read_text())


def full_size(tables, generator: str, prefix: str = "") -> dict[str, dict[str, np.ndarray]]:
    """All the tensors of the published networks, of zeros that take no memory, and the filter."""
    networks = {
        "kp_detector": f"{prefix}kp_detector",
        "he_estimator": f"{prefix}he_estimator",
        "generator": generator,
        "discriminator": "discriminator",
    }
    return {
        network: {
            name: antialias_filter() if name == "down.weight" else np.broadcast_to(np.float32(0), shape)
            for name, shape in tables[table].items()
        }
        for network, table in networks.items()
    }


@pytest.mark.parametrize(("generator", "prefix"), [("generator_spade", ""), ("generator_original", "beta_")])
def test_the_published_networks_convert_with_nothing_left_over(tables, monkeypatch, generator, prefix):
    monkeypatch.setattr(conversion, "to_device", lambda variables: variables)
    networks = full_size(tables, generator, prefix)
    seen = settings_seen(networks)
    assert seen["generator"]["spade"] is (generator == "generator_spade")
    assert (seen.get("detector") == {"scale": 1.0}) is (prefix == "beta_")
    variables = face_vid2vid_variables(networks, seen)
    count = {part: sum(x.size for x in jax.tree.leaves(tree)) for part, tree in variables["params"].items()}
    assert {part: count.pop(part) for part in COUNTS} == COUNTS
    assert sum(count.values()) == GENERATORS[generator]
    assert ("spectral" in variables) is (generator == "generator_spade")


def test_the_published_counts_are_those_of_the_original(reference):
    params = json.loads((reference / "state_dicts" / "face_vid2vid_layers.json").read_text())["params"]
    assert {name: params[name] for name in GENERATORS} == GENERATORS
    assert [params["kp_detector"], params["he_estimator"]] == list(COUNTS.values())


def test_the_discriminator_is_one_of_the_family(tables):
    fields = {"width": 32, "depth": 4, "most": 512, "spectral_norm": True}
    found = discriminator_variables(full_size(tables, "generator_spade"), fields, system="face vid2vid")
    assert sum(x.size for x in jax.tree.leaves(found["params"])) == 2_758_849


def test_a_wrong_name_or_width_is_refused(tables):
    networks = full_size(tables, "generator_spade")
    networks["he_estimator"]["fc_jaw.bias"] = networks["he_estimator"].pop("fc_yaw.bias")
    with pytest.raises(InputError, match=r"lacks he_estimator\.fc_yaw\.bias 66; it has he_estimator\.fc_jaw\.bias"):
        face_vid2vid_variables(networks, {})
    with pytest.raises(InputError, match="an expression of 15 keypoints does not go with 20 canonical ones"):
        face_vid2vid_variables(full_size(tables, "generator_spade"), {"detector": {"count": 20}})
    with pytest.raises(InputError, match="needs kp_detector and he_estimator and generator; it has generator"):
        face_vid2vid_variables({"kp_detector": {}, "generator": networks["generator"]}, {})


SMALL = {
    "detector": {"width": 2, "depth": 2, "most": 8, "volume_depth": 2, "count": 3},
    "estimator": {"count": 3},
    "appearance": {"width": 4, "most": 8, "channels": 4, "volume_depth": 2, "residual_blocks": 1},
    "dense_motion": {"width": 2, "depth": 2, "most": 8, "compressed": 2},
    "generator": {"width": 4, "middle_blocks": 1},
}


def small_yaml(path):
    content = yaml.safe_load(yaml.safe_dump(VOX))
    model = content["model_params"]
    content["dataset_params"]["frame_shape"] = [32, 32, 3]
    model["common_params"] |= {"num_kp": 3, "feature_channel": 4}
    model["kp_detector_params"] |= {"block_expansion": 2, "max_features": 8, "num_blocks": 2, "reshape_depth": 2}
    model["generator_params"] |= {"block_expansion": 4, "max_features": 8, "reshape_channel": 4, "reshape_depth": 2}
    model["generator_params"]["num_resblocks"] = 1
    model["generator_params"]["dense_motion_params"] = {
        "block_expansion": 2,
        "max_features": 8,
        "num_blocks": 2,
        "reshape_depth": 2,
        "compress": 2,
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def small_checkpoint(tmp_path_factory):
    """A small plain model of random numbers under torch's names, and the numbers. The estimator's width is fixed."""
    settings = {**SMALL, "appearance": {**SMALL["appearance"], "first_size": 7}}
    settings["generator"] = {**SMALL["generator"], "spade": False}
    rules = [*RULES, *PLAIN_RULES]
    random = np.random.default_rng(0)
    wanted = wanted_tensors(variable_shapes(SYSTEM, settings, 32), rules)
    tensors = {name: random.uniform(0.5, 1, want.shape).astype(np.float32) for name, want in wanted.items()}
    tensors["kp_detector.down.weight"] = np.ascontiguousarray(antialias_filter())
    path = tmp_path_factory.mktemp("checkpoint") / "vox.safetensors"
    safetensors.numpy.save_file(tensors, path)
    return path, tensors


def test_a_checkpoint_becomes_a_model_directory(tmp_path, small_checkpoint):
    path, tensors = small_checkpoint
    yaml_path = small_yaml(tmp_path / "tiny.yaml")
    folder = convert_face_vid2vid(path, tmp_path / "model", yaml=yaml_path)
    animator = load_model(folder)
    assert (animator.system, animator.size) == (SYSTEM, 32)
    params = animator.variables["params"]
    # Yaw and roll bear each other's name in the checkpoint.
    for ours, theirs in {"yaw": "fc_roll", "pitch": "fc_pitch", "roll": "fc_yaw", "expression": "fc_exp"}.items():
        np.testing.assert_array_equal(params["estimator"][ours]["kernel"], tensors[f"he_estimator.{theirs}.weight"].T)
    kernel = tensors["generator.dense_motion_network.mask.weight"].transpose(2, 3, 4, 1, 0)
    np.testing.assert_array_equal(params["dense_motion"]["masks"]["kernel"], kernel)
    block = params["estimator"]["stage2_3"]["conv2"]["bias"]
    np.testing.assert_array_equal(block, tensors["he_estimator.block5.b5_2.conv2.bias"])
    model = json.loads((folder / "config.json").read_text())["model"]
    assert model["generator"]["align_corners"] is model["dense_motion"]["align_corners"] is False
    assert model["estimator"]["order"] == "pitch_yaw_roll" and model["appearance"]["first_size"] == 7
    card = (folder / "MODEL_CARD.md").read_text()
    assert "CC BY-NC 4.0" in card and "tiny.yaml" in card


def test_the_wrong_configuration_asks_for_the_yaml(tmp_path, small_checkpoint):
    with pytest.raises(InputError, match="give the authors' YAML file"):
        convert_face_vid2vid(small_checkpoint[0], tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def written(folder, *path_and_value):
    """VOX as a file, with one value changed."""
    content = yaml.safe_load(yaml.safe_dump(VOX))
    if path_and_value:
        *path, name, value = path_and_value
        inner = content["model_params"]
        for key in path:
            inner = inner[key]
        inner[name] = value
    file = folder / "vox-256.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_the_vox_file_is_the_published_configuration(tmp_path):
    found = authors_configuration(written(tmp_path))
    assert complete(SYSTEM, found.settings) == published(SYSTEM)
    assert (found.size, found.discriminator_keypoints) == (256, 0)
    assert found.discriminator == {"width": 32, "depth": 4, "most": 512, "spectral_norm": True}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("common_params", "estimate_jacobian", True), "keypoints with Jacobians are not known"),
        (("common_params", "feature_channel", 16), "feature_channel and dense_motion_params.reshape_depth should be"),
        (("generator_params", "dense_motion_params", "reshape_depth", 8), "should be the same"),
        (("generator_params", "num_resblock", 6), "unknown key 'num_resblock'; the nearest is 'num_resblocks'"),
        (("discriminator_params", "scales", [1, 0.5]), r"scales \[1, 0.5\] are not known; face vid2vid's are \[1\]"),
    ],
)
def test_wrong_files_get_one_sentence(tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        authors_configuration(written(tmp_path, *change))
