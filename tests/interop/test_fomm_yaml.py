import pytest
import yaml

from tests.interop.samples import FIXTURES
from thf_jax.errors import InputError
from thf_jax.interop.fomm_yaml import authors_configuration, published_configuration
from thf_jax.interop.shapes import complete
from thf_jax.models import published

VOX = {
    "dataset_params": {"frame_shape": [256, 256, 3], "id_sampling": True},
    "model_params": {
        "common_params": {"num_kp": 10, "num_channels": 3, "estimate_jacobian": True},
        "kp_detector_params": {
            "temperature": 0.1,
            "block_expansion": 32,
            "max_features": 1024,
            "scale_factor": 0.25,
            "num_blocks": 5,
        },
        "generator_params": {
            "block_expansion": 64,
            "max_features": 512,
            "num_down_blocks": 2,
            "num_bottleneck_blocks": 6,
            "estimate_occlusion_map": True,
            "dense_motion_params": {
                "block_expansion": 64,
                "max_features": 1024,
                "num_blocks": 5,
                "scale_factor": 0.25,
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
    "train_params": {"num_epochs": 100, "anything": "else"},
}


def changed(*path_and_value):
    """VOX with one value changed; a value of None takes the key away."""
    *path, value = path_and_value
    content = yaml.safe_load(yaml.safe_dump(VOX))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    if value is None:
        del inner[path[-1]]
    return content


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "vox-256.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return authors_configuration(path)

    return read


def test_the_vox_file_is_the_published_configuration(read):
    found = read(VOX)
    assert complete("fomm", found.settings) == published("fomm")
    assert found.discriminator == (published_configuration().discriminator)
    assert (found.size, found.discriminator_keypoints) == (256, 0)


def test_every_value_of_the_fixture_arrives():
    found = authors_configuration(FIXTURES / "fomm.yaml")
    assert found.size == 64
    assert found.settings["detector"]["count"] == 3
    assert found.settings["detector"]["width"] == found.settings["generator"]["width"] == 4
    assert found.settings["dense_motion"]["depth"] == 2
    assert found.settings["generator"]["residual_blocks"] == found.settings["generator"]["down_blocks"] == 1


@pytest.mark.parametrize(
    ("change", "part", "name", "value"),
    [
        (("common_params", "estimate_jacobian", False), "detector", "jacobians", None),
        (("common_params", "estimate_jacobian", None), "detector", "jacobians", None),
        (("kp_detector_params", "single_jacobian_map", True), "detector", "jacobians", "shared"),
        (("kp_detector_params", "pad", 3), "detector", "padding", 3),
        (("kp_detector_params", "scale_factor", 1), "detector", "scale", 1),
        (("kp_detector_params", "scale_factor", None), "detector", "scale", 1),
        (("generator_params", "estimate_occlusion_map", False), "dense_motion", "visibility", False),
        (("generator_params", "dense_motion_params", "kp_variance", 0.02), "dense_motion", "variance", 0.02),
        (("generator_params", "num_bottleneck_blocks", 0), "generator", "residual_blocks", 0),
    ],
)
def test_the_other_configurations(read, change, part, name, value):
    assert read(changed("model_params", *change)).settings[part][name] == value


def test_the_discriminator_of_the_adversarial_stage_sees_keypoints(read):
    adversarial = {"scales": [1], "block_expansion": 32, "max_features": 512, "num_blocks": 4, "use_kp": True}
    found = read(changed("model_params", "discriminator_params", adversarial))
    assert found.discriminator_keypoints == 10
    assert found.discriminator == {"width": 32, "most": 512, "depth": 4, "spectral_norm": False}
    assert read(changed("model_params", "discriminator_params", None)).discriminator is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (changed("model_params", "common_params", "num_kps", 10), "unknown key 'num_kps'; the nearest is 'num_kp'"),
        (changed("model_params", "generator_param", {}), "'generator_param'; the nearest is 'generator_params'"),
        (changed("model_params", "generator_params", None), r"generator_params should hold .*, and it is None"),
        (changed("model_params", "generator_params", 7), "and it is 7"),
        (changed("model_params", "common_params", "num_kp", None), r"num_kp is missing; it is a whole number"),
        (changed("model_params", "common_params", "num_kp", "ten"), "should be a whole number, and it is 'ten'"),
        (changed("model_params", "common_params", "num_kp", True), "should be a whole number, and it is True"),
        (changed("model_params", "common_params", "num_kp", 0), "between 1 and 1000, and it is 0"),
        (changed("model_params", "common_params", "num_channels", 1), "between 3 and 3, and it is 1"),
        (changed("model_params", "common_params", "estimate_jacobian", 1), "should be true or false, and it is 1"),
        (changed("model_params", "kp_detector_params", "temperature", float("nan")), "and it is nan"),
        (changed("model_params", "discriminator_params", "scales", [1, 0.5]), r"scales \[1, 0.5\]"),
        (changed("dataset_params", "frame_shape", [256, 128, 3]), r"\[size, size, 3\], and it is \[256, 128, 3\]"),
        ({"model_params": None}, "and it is None"),
        ({"train_params": {}}, "no 'model_params'"),
        ("just text", "no 'model_params'"),
        ("a: [1, 2", "no YAML file"),
        ("!!python/object/apply:os.system ['touch ran']", "no YAML file of plain values"),
        ("[" * 1000, "no YAML file"),
    ],
)
def test_wrong_files_get_one_sentence(read, content, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        authors_configuration(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="no YAML file"):
        authors_configuration(tmp_path / "binary.yaml")
