"""LivePortrait's published folder: at full size without a number computed, and as files of a small model."""

import dataclasses
import json
import math
import pickle
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from tests.interop.samples import body, named, tensor, write_zip
from tests.liveportrait import SETTINGS, recorded, variables
from thf_jax.errors import InputError
from thf_jax.interop import conversion, liveportrait_files
from thf_jax.interop.liveportrait import LIVE_PORTRAIT, convert_liveportrait, liveportrait_variables
from thf_jax.interop.liveportrait_files import read_networks
from thf_jax.interop.model_directory import load_model

COUNTS = {
    "appearance_feature_extractor": 836_224,
    "motion_extractor": 28_118_728,
    "warping_module": 45_529_829,
    "spade_generator": 55_365_388,
    "stitching_retargeting_module": 45_249 + 144_703 + 37_311,
}
FILES = {name: "retargeting_models" if name.startswith("stitching") else "base_models" for name in COUNTS}


@pytest.fixture(scope="module")
def full_size(reference) -> dict[str, dict[str, np.ndarray]]:
    """All the tensors of the published networks, of zeros that take no memory."""
    table = json.loads((reference / "state_dicts" / "liveportrait.json").read_text())
    networks: dict[str, dict[str, np.ndarray]] = {}
    for name, shapes in table.items():
        network, _, inner = name.partition("/")
        for key, shape in shapes.items():
            full = f"{inner}.{key}" if inner else key
            networks.setdefault(network, {})[full] = np.broadcast_to(np.float32(0), shape)
    return networks


@pytest.fixture
def small(reference) -> dict[str, dict[str, np.ndarray]]:
    networks: dict[str, dict[str, np.ndarray]] = {}
    for name in (name for name in recorded(reference) if name.startswith("sd/")):
        _, network, *rest = name.split("/")
        networks.setdefault(network, {})[".".join(rest)] = recorded(reference)[name]
    return networks


def test_the_published_networks_convert_with_nothing_left_over(full_size, monkeypatch):
    monkeypatch.setattr(conversion, "to_device", lambda variables: variables)
    params = liveportrait_variables(full_size, {})["params"]
    count = {part: sum(x.size for x in jax.tree.leaves(tree)) for part, tree in params.items()}
    assert count["appearance"] == COUNTS["appearance_feature_extractor"]
    assert count["extractor"] == COUNTS["motion_extractor"]
    assert count["corrector"] == COUNTS["stitching_retargeting_module"]
    assert count["dense_motion"] + count["generator"] == COUNTS["warping_module"] + COUNTS["spade_generator"]


def test_the_published_counts_are_those_of_the_original(reference, full_size):
    params = json.loads((reference / "state_dicts" / "liveportrait_layers.json").read_text())["params"]
    found: dict[str, int] = {}
    for name, count in params.items():
        network = name.split("/")[0]
        found[network] = found.get(network, 0) + count
    assert found == COUNTS
    vectors = ("running_mean", "running_var", "num_batches_tracked", "weight_u", "weight_v")
    for network, count in COUNTS.items():
        numbers = [math.prod(x.shape) for name, x in full_size[network].items() if not name.endswith(vectors)]
        assert sum(numbers) == count


def test_a_wrong_name_or_width_is_refused(small):
    extractor = small["motion_extractor"]
    extractor["detector.fc_jaw.bias"] = extractor.pop("detector.fc_yaw.bias")
    with pytest.raises(InputError, match=r"lacks motion_extractor\.detector\.fc_yaw\.bias 66; it has .*fc_jaw\.bias"):
        liveportrait_variables(small, SETTINGS, size=64)
    extractor["detector.fc_yaw.bias"] = extractor.pop("detector.fc_jaw.bias")
    small["spade_generator"]["fc.weight"] = small["spade_generator"]["fc.weight"][:-1]
    with pytest.raises(InputError, match=r"spade_generator\.fc\.weight is 31x16x3x3, not 32x16x3x3"):
        liveportrait_variables(small, SETTINGS, size=64)


def write_safetensors(folder, networks, *, flat: bool, prefix: str = "") -> None:
    """The five files; `flat` ones as others have converted them, all in one folder."""
    for network, tensors in networks.items():
        place = folder if flat else folder / FILES[network]
        place.mkdir(parents=True, exist_ok=True)
        stored = {}
        for name, value in tensors.items():
            if flat and network.startswith("stitching"):
                head, rest = name.split(".", 1)
                name = f"{head}_module.{rest}"
            stored[prefix + name] = np.array(value, order="C")
        safetensors.numpy.save_file(stored, place / f"{network}.safetensors")


@pytest.mark.parametrize("flat", [True, False])
def test_safetensors_files(tmp_path, small, flat):
    write_safetensors(tmp_path, small, flat=flat, prefix="" if flat else "module.")
    found, files = read_networks(tmp_path)
    assert [file.name for file in files] == [f"{name}.safetensors" for name in COUNTS]
    for network, tensors in small.items():
        assert sorted(found[network]) == sorted(tensors)
        for name, value in tensors.items():
            np.testing.assert_array_equal(found[network][name], value)


def test_a_torch_file_of_nested_networks_loses_prefixes_and_strangers(tmp_path, small):
    """As published: a dictionary of three state dictionaries, names with `module.` before them, and more beside."""
    write_safetensors(tmp_path, small, flat=True)
    (tmp_path / "stitching_retargeting_module.safetensors").unlink()
    networks = {}
    for name in ("retarget_shoulder", "retarget_eye", "retarget_mouth", "landmark_selector"):
        networks[name] = body("module.mlp.0.weight") + tensor(key=name, count=6)
    instructions = b"}("
    for name, entry in networks.items():
        instructions += body(name) + named("collections.OrderedDict") + b")R(" + entry + b"u"
    instructions += b"u"
    values = np.arange(6, dtype=np.float32)
    path = write_zip(tmp_path, instructions, {name: (values + i).tobytes() for i, name in enumerate(networks)})
    path.rename(tmp_path / "stitching_retargeting_module.pth")
    found = read_networks(tmp_path)[0]["stitching_retargeting_module"]
    assert sorted(found) == sorted(f"{name}.mlp.0.weight" for name in list(networks)[:3])
    np.testing.assert_array_equal(found["retarget_eye.mlp.0.weight"], (values + 1).reshape(2, 3))


def test_a_folder_becomes_a_model_directory(tmp_path, small, reference):
    """The small networks in the place of the published ones, whose settings are the only ones."""
    write_safetensors(tmp_path / "weights", small, flat=False)
    small_one = dataclasses.replace(LIVE_PORTRAIT, seen=lambda _: SETTINGS)
    folder = conversion.convert_checkpoint(small_one, tmp_path / "weights", tmp_path / "model")
    animator = load_model(folder)
    assert (animator.system, animator.size) == ("liveportrait", 256)
    jax.tree.map(np.testing.assert_array_equal, animator.variables, variables(reference))
    hash(animator.module)  # what came back from JSON can be given to jit
    card = (folder / "MODEL_CARD.md").read_text()
    assert card.count("SHA-256") == 5 and "MIT" in card and "align_corners False" in card


def test_what_is_missing_is_named(tmp_path, small):
    with pytest.raises(InputError, match="is no folder: LivePortrait's weights are five files"):
        convert_liveportrait(tmp_path / "warping_module.pth", tmp_path / "model")
    write_safetensors(tmp_path / "weights", small, flat=False)
    (tmp_path / "weights" / "base_models" / "warping_module.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks base_models/warping_module\.pth"):
        convert_liveportrait(tmp_path / "weights", tmp_path / "model")
    (tmp_path / "weights" / "base_models" / "warping_module.pth").write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError, match="pickle that torch did not write"):
        convert_liveportrait(tmp_path / "weights", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_there_is_no_other_configuration(tmp_path):
    with pytest.raises(InputError, match="LivePortrait is published without configuration files"):
        convert_liveportrait(tmp_path, tmp_path / "model", yaml="vox-256.yaml")


def test_dictionaries_that_share_their_parts_are_read_once(monkeypatch):
    """Forty that each name the next one twice would be 2^40; a thousand within each other are no checkpoint."""
    inner = {"weight": np.ones(2)}
    for _ in range(40):
        inner = {"a": inner, "b": inner, ("not", "a", "name"): inner}
    monkeypatch.setattr(liveportrait_files, "read_checkpoint", lambda file: inner)
    (found,) = liveportrait_files._tensors(Path("motion_extractor.pth"), "motion_extractor").items()
    assert found[0] == 40 * "a." + "weight"
    for _ in range(1000):
        inner = {"a": inner}
    with pytest.raises(InputError, match="more than 100 nested dictionaries"):
        liveportrait_files._tensors(Path("motion_extractor.pth"), "motion_extractor")
