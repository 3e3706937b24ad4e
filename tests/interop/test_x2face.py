"""X2Face's published checkpoint: names, shapes, and what is left out of it."""

import json
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy

from thf_jax.errors import InputError
from thf_jax.interop.model_directory import load_model
from thf_jax.interop.x2face import convert_x2face, x2face_variables
from thf_jax.models import published

INNERMOST = "pix2pixSampler.netG.model" + ".submodule" * 7


def full_size(reference, model: str = "x2face_model") -> dict[str, np.ndarray]:
    """All the tensors of a published model, of zeros that take no memory."""
    names = json.loads((reference / "state_dicts" / "x2face.json").read_text())[model]
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in names.items()}


def count(tree: Any) -> int:
    return sum(x.size for x in jax.tree.leaves(tree))


@pytest.fixture(scope="module")
def variables(reference) -> dict[str, Any]:
    return x2face_variables({"state_dict": full_size(reference)}, published("x2face"))


def test_the_published_networks_convert_with_nothing_left_over(reference, variables):
    assert len(full_size(reference)) == 162
    params = json.loads((reference / "state_dicts" / "x2face_layers.json").read_text())["params"]
    found = {part: count(tree) for part, tree in variables["params"].items()}
    assert found == {"embedding": params["pix2pixUnwrapped"], "driving": params["pix2pixSampler"]}
    assert sum(found.values()) == params["x2face_model"] == 64_771_840


def test_a_file_of_the_authors_torch_has_no_counters_of_batches(reference, variables):
    state_dict = {name: x for name, x in full_size(reference).items() if not name.endswith("num_batches_tracked")}
    assert len(state_dict) == 136
    found = x2face_variables({"state_dict": state_dict, "optimizer": {"state": {}}}, published("x2face"))
    assert jax.tree.map(np.shape, found) == jax.tree.map(np.shape, variables)


def test_the_pose_models_own_layers_are_left_out(reference, variables):
    state_dict = full_size(reference, "x2face_pose_model")
    assert len(state_dict) == 170 and f"{INNERMOST}.posefrombottle.weight" in state_dict
    found = x2face_variables(state_dict, published("x2face"))
    assert jax.tree.map(np.shape, found) == jax.tree.map(np.shape, variables)


def test_a_wrong_name_or_width_is_refused_with_the_nearest(reference):
    state_dict = full_size(reference)
    state_dict["pix2pixSampler.netG.model.up.3.weight"] = state_dict.pop("pix2pixSampler.netG.model.up.2.weight")
    sentence = (
        r"lacks pix2pixSampler\.netG\.model\.up\.2\.weight 2x64x3x3; "
        r"it has pix2pixSampler\.netG\.model\.up\.3\.weight 2x64x3x3, .* is pix2pixSampler\.netG\.model\.up\.2\.weight"
    )
    with pytest.raises(InputError, match=sentence):
        x2face_variables({"state_dict": state_dict}, published("x2face"))
    settings = published("x2face")
    settings["driving"]["code"] = 64
    with pytest.raises(InputError, match=r"has other shapes: .*is 128x512x4x4, not 64x512x4x4"):
        x2face_variables({"state_dict": full_size(reference)}, settings)


@pytest.mark.parametrize(
    ("checkpoint", "sentence"),
    [
        ({"generator": {"dense_motion_network.x": np.zeros(1)}}, "no X2Face checkpoint: it needs pix2pixUnwrapped and"),
        ({"kp_detector": {}, "he_estimator": {"x": np.zeros(1)}}, "it looks like a checkpoint of face vid2vid"),
        ([1, 2], "it has only a list"),
    ],
)
def test_another_checkpoint_is_told_apart(checkpoint, sentence):
    with pytest.raises(InputError, match=sentence):
        x2face_variables(checkpoint, published("x2face"))


def test_there_are_no_configuration_files(tmp_path):
    with pytest.raises(InputError, match="X2Face is published without configuration files: leave vox"):
        convert_x2face(tmp_path / "x2face_model.pth", tmp_path / "out", yaml="vox.yaml")


def test_a_checkpoint_becomes_a_model_directory(reference, tmp_path):
    """At full size, since there is no configuration to tell of another; small numbers keep the file small on disk."""
    random = np.random.default_rng(0)
    state_dict = {
        name: np.zeros(x.shape, np.float16) if x.ndim else np.zeros((), np.int64)
        for name, x in full_size(reference).items()
    }
    kernel = random.standard_normal((64, 3, 4, 4)).astype(np.float16)
    state_dict["pix2pixSampler.netG.model.down.0.weight"] = kernel
    safetensors.numpy.save_file(state_dict, tmp_path / "x2face_model.safetensors")
    folder = convert_x2face(tmp_path / "x2face_model.safetensors", tmp_path / "x2face")
    animator = load_model(folder)
    assert (animator.system, animator.size) == ("x2face", 256)
    found = animator.variables["params"]["driving"]["unet"]["down_0"]["conv"]["kernel"]
    np.testing.assert_array_equal(found, kernel.transpose(2, 3, 1, 0).astype(np.float32))
    assert all(part["align_corners"] for part in animator.settings.values())
    card = (folder / "MODEL_CARD.md").read_text()
    assert "oawiles/X2Face" in card and "align_corners True" in card
