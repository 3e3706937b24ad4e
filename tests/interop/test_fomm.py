import functools
import json

import jax
import numpy as np
import pytest
import safetensors.numpy

from tests.interop.samples import FIXTURES, LAYOUTS, expected_tensors
from thf_jax.errors import InputError
from thf_jax.interop.fomm import convert_fomm, discriminator_variables, fomm_variables
from thf_jax.interop.fomm_yaml import authors_configuration, published_configuration
from thf_jax.interop.model_directory import load_model
from thf_jax.interop.torch_reader import file_hash, read_checkpoint
from thf_jax.models import build, published
from thf_jax.nn.discriminator import PatchDiscriminator
from thf_jax.ops.keypoints import gaussian_heatmaps

YAML = FIXTURES / "fomm.yaml"


def last(x: np.ndarray) -> np.ndarray:
    """Channels last."""
    return np.moveaxis(x, 1, -1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_checkpoint_becomes_a_model_directory(tmp_path, layout):
    checkpoint = FIXTURES / layout
    animator = load_model(convert_fomm(checkpoint, tmp_path / "vox", yaml=YAML))
    assert (animator.system, animator.size) == ("fomm", 64)
    networks, params, stats = expected_tensors(), animator.variables["params"], animator.variables["batch_stats"]

    def same(ours, network, name, axes=None):
        values = networks[network][name][1].astype(np.float32)
        np.testing.assert_array_equal(np.asarray(ours), values if axes is None else values.transpose(axes))

    same(params["detector"]["heatmaps"]["kernel"], "kp_detector", "kp.weight", (2, 3, 1, 0))
    same(params["detector"]["jacobians"]["bias"], "kp_detector", "jacobian.bias")
    same(params["generator"]["final"]["kernel"], "generator", "final.weight", (2, 3, 1, 0))
    same(params["generator"]["residual_0"]["norm2"]["scale"], "generator", "bottleneck.r0.norm2.weight")
    same(params["dense_motion"]["masks"]["kernel"], "generator", "dense_motion_network.mask.weight", (2, 3, 1, 0))
    prefix = "dense_motion_network.hourglass.decoder.up_blocks.1"
    same(params["dense_motion"]["hourglass"]["up1"]["conv"]["bias"], "generator", f"{prefix}.conv.bias")
    same(stats["dense_motion"]["hourglass"]["up1"]["norm"]["var"], "generator", f"{prefix}.norm.running_var")


def test_the_card_names_file_hash_licence_and_grid(tmp_path):
    checkpoint = FIXTURES / LAYOUTS[0]
    card = (convert_fomm(checkpoint, tmp_path / "vox", yaml=YAML, align_corners=False) / "MODEL_CARD.md").read_text()
    assert file_hash(checkpoint) in card
    assert checkpoint.name in card and "fomm.yaml" in card
    assert "MIT" in card and "align_corners False" in card


@pytest.mark.parametrize("align_corners", [True, False])
def test_the_reading_of_grids_is_a_setting_of_both_warps(tmp_path, align_corners):
    folder = convert_fomm(FIXTURES / LAYOUTS[1], tmp_path / "vox", yaml=YAML, align_corners=align_corners)
    model = json.loads((folder / "config.json").read_text())["model"]
    assert model["dense_motion"]["align_corners"] is align_corners
    assert model["generator"]["align_corners"] is align_corners


def test_flat_safetensors_convert_as_well(tmp_path):
    checkpoint = read_checkpoint(FIXTURES / LAYOUTS[0])
    flat = {
        f"{network}.{name}": np.array(x, order="C")
        for network in ("generator", "kp_detector")
        for name, x in checkpoint[network].items()
    }
    safetensors.numpy.save_file(flat, tmp_path / "vox.safetensors")
    first = load_model(convert_fomm(tmp_path / "vox.safetensors", tmp_path / "first", yaml=YAML))
    second = load_model(convert_fomm(FIXTURES / LAYOUTS[0], tmp_path / "second", yaml=YAML))
    jax.tree.map(np.testing.assert_array_equal, first.variables, second.variables)


def test_the_wrong_configuration_asks_for_the_yaml(tmp_path):
    with pytest.raises(InputError, match=r"other shapes|lacks") as caught:
        convert_fomm(FIXTURES / LAYOUTS[0], tmp_path / "vox")
    assert "YAML" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_target_is_checked_before_the_checkpoint_is_read(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="holds other files"):
        convert_fomm(tmp_path / "missing.pth.tar", tmp_path)


def test_the_discriminator_can_be_taken_for_fine_tuning():
    checkpoint, configuration = read_checkpoint(FIXTURES / LAYOUTS[0]), authors_configuration(YAML)
    assert configuration.discriminator is not None
    variables = discriminator_variables(checkpoint, configuration.discriminator)
    expected = expected_tensors()["discriminator"]["discs.1.down_blocks.1.conv.weight_orig"][1]
    np.testing.assert_array_equal(variables["params"]["conv1"]["kernel"], expected.transpose(2, 3, 1, 0))
    assert set(variables) == {"params", "spectral"}
    with pytest.raises(InputError, match="needs discriminator"):
        discriminator_variables({"generator": checkpoint["generator"]}, configuration.discriminator)
    with pytest.raises(InputError, match=r"conv\.weight_orig is .*x3x4x4, not .*x6x4x4"):
        discriminator_variables(checkpoint, configuration.discriminator, keypoints=3)


def antialias_filter() -> np.ndarray:
    """What the published networks blur with before they take every fourth pixel."""
    distance = np.arange(13) - 6
    line = np.exp(-(distance**2) / (2 * 1.5**2)).astype(np.float32)
    return np.broadcast_to(np.outer(line, line) / line.sum() ** 2, (3, 1, 13, 13))


def full_size(reference, prefix: str = "") -> dict[str, dict[str, np.ndarray]]:
    """All the tensors of the published networks, of zeros that take no memory, and their two filters."""
    names = json.loads((reference / "state_dicts" / "fomm.json").read_text())
    return {
        network: {
            name: antialias_filter() if name.endswith("down.weight") else np.broadcast_to(np.float32(0), shape)
            for name, shape in names[prefix + network].items()
        }
        for network in ("kp_detector", "generator", "discriminator")
    }


@pytest.mark.parametrize("prefix", ["", "adv_"])
def test_the_published_networks_convert_with_nothing_left_over(reference, prefix):
    networks = full_size(reference, prefix)
    variables = fomm_variables(networks, published("fomm"))
    count = {part: sum(x.size for x in jax.tree.leaves(tree)) for part, tree in variables["params"].items()}
    assert round(count["detector"] / 1e6, 4) == 14.2154
    assert round((count["dense_motion"] + count["generator"]) / 1e6, 4) == 45.5754
    fields = published_configuration().discriminator
    assert fields is not None
    fields = fields if prefix == "" else {**fields, "spectral_norm": False}
    found = discriminator_variables(networks, fields, keypoints=0 if prefix == "" else 10)
    parameters = sum(x.size for x in jax.tree.leaves(found["params"]))
    assert round(parameters / 1e6, 4) == (2.7588 if prefix == "" else 2.7691)


def test_a_published_network_with_a_wrong_name_or_width_is_refused(reference):
    networks = full_size(reference)
    networks["generator"]["finall.weight"] = networks["generator"].pop("final.weight")
    with pytest.raises(InputError, match=r"lacks generator\.final\.weight 3x64x7x7; it has generator\.finall\.weight"):
        fomm_variables(networks, published("fomm"))
    settings = {**published("fomm"), "detector": {"width": 16}}
    with pytest.raises(InputError, match=r"kp_detector\.kp\.weight is 10x35x7x7, not 10x19x7x7, .* and \d+ more"):
        fomm_variables(full_size(reference), settings)


def test_converted_weights_reproduce_the_original_networks(reference):
    with np.load(reference / "golden" / "fomm_tiny.npz") as archive:
        golden = dict(archive)
    networks: dict[str, dict[str, np.ndarray]] = {}
    for name in (name for name in golden if name.startswith("sd/")):
        _, network, key = name.split("/")
        networks.setdefault(network, {})[key] = golden[name]
    hourglass = {"width": 8, "depth": 3, "most": 32}
    settings = {
        "detector": {**hourglass, "count": 4},
        "dense_motion": hourglass,
        "generator": {"width": 8, "most": 32, "down_blocks": 2, "residual_blocks": 2},
    }
    variables = fomm_variables(networks, settings, size=128)
    source, driving = last(golden["in/source"]), last(golden["in/driving"])
    module = build("fomm", settings)

    @jax.jit
    def run(variables, source, driving):
        return module.apply(variables, driving, method="motion"), module.apply(variables, source, driving).image

    keypoints, image = run(variables, source, driving)
    np.testing.assert_allclose(keypoints.position, golden["out/kp_driving/value"], atol=1e-5)
    np.testing.assert_allclose(image, last(golden["out_align1/generator/prediction"]), atol=1e-4)

    heatmaps = jax.vmap(lambda x: gaussian_heatmaps(x, (128, 128), variance=0.01))(keypoints.position)
    for name, seen in {"discriminator": None, "discriminator_adv": heatmaps}.items():
        fields = {**hourglass, "spectral_norm": seen is None}
        state = discriminator_variables({"discriminator": networks[name]}, fields, keypoints=0 if seen is None else 4)
        discriminator = jax.jit(functools.partial(PatchDiscriminator(**fields).apply, train=False))
        score, _ = discriminator(state, driving, seen)
        expected = last(golden[f"out/{name}/prediction_map_1"])
        np.testing.assert_allclose(score, expected, atol=1e-4 * np.abs(expected).max())
