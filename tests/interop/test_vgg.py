import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from tests.interop.samples import FIXTURES, LAYOUTS, tensor, write_zip
from thf_jax.errors import InputError
from thf_jax.interop.vgg import load_vgg19
from thf_jax.nn.vgg import IMAGENET_DEVIATION, IMAGENET_MEAN, VGG19

WIDTHS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 16: 256, 19: 512, 21: 512, 23: 512, 25: 512, 28: 512}


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    """Torchvision's tensors up to relu5_1; bfloat16 keeps the file small."""
    random, tensors, inputs = np.random.default_rng(1), {}, 3
    for layer, width in WIDTHS.items():
        weight = random.standard_normal((width, inputs, 3, 3), np.float32) * np.float32((2 / (9 * inputs)) ** 0.5)
        tensors[f"features.{layer}.weight"] = weight.astype(ml_dtypes.bfloat16)
        tensors[f"features.{layer}.bias"] = (0.1 * random.standard_normal(width, np.float32)).astype(ml_dtypes.bfloat16)
        inputs = width
    return tensors


def test_torchvisions_layers_become_ours(features, tmp_path):
    rest = {
        "features.30.weight": np.zeros((512, 512, 3, 3), np.float16),
        "classifier.0.bias": np.zeros(4096, np.float16),
    }
    safetensors.numpy.save_file({**features, **rest}, tmp_path / "vgg19.pth")
    params = load_vgg19(tmp_path / "vgg19.pth")["params"]
    assert set(params) == {f"conv{index}" for index in range(13)}
    for index, layer in enumerate(WIDTHS):
        expected = features[f"features.{layer}.weight"].astype(np.float32).transpose(2, 3, 1, 0)
        np.testing.assert_array_equal(params[f"conv{index}"]["kernel"], expected)

    image = jnp.asarray(np.random.default_rng(2).random((1, 4, 4, 3), np.float32))
    first = VGG19(taps=1).apply({"params": {"conv0": params["conv0"]}}, image)[0]
    normalized = (np.asarray(image)[0] - IMAGENET_MEAN) / IMAGENET_DEVIATION
    window = normalized[1:4, 0:3].transpose(2, 0, 1)
    weight, bias = (features[f"features.0.{end}"].astype(np.float64) for end in ("weight", "bias"))
    centre = np.maximum(0, (weight * window).sum((1, 2, 3)) + bias)
    np.testing.assert_allclose(first[0, 2, 1], centre, atol=1e-4)
    assert jax.tree.leaves(params)[0].dtype == jnp.float32


def test_a_missing_layer_and_other_files(features, tmp_path):
    path = tmp_path / "vgg19.safetensors"
    safetensors.numpy.save_file({key: x for key, x in features.items() if key != "features.28.bias"}, path)
    with pytest.raises(InputError, match=r"lacks features\.28\.bias 512$"):
        load_vgg19(path)
    with pytest.raises(InputError, match="holds no VGG19"):
        load_vgg19(FIXTURES / LAYOUTS[0])
    with pytest.raises(InputError, match="holds no VGG19"):
        load_vgg19(write_zip(tmp_path, tensor(), {"0": bytes(24)}))


def test_vgg16_is_not_vgg19(features, tmp_path):
    """VGG16 has its fourth stage's first convolution where VGG19 has none."""
    sixteen = {key: x for key, x in features.items() if int(key.split(".")[1]) < 16}
    sixteen["features.17.weight"] = np.zeros((512, 256, 3, 3), np.float16)
    safetensors.numpy.save_file(sixteen, tmp_path / "vgg16.pth")
    with pytest.raises(InputError, match="lacks features"):
        load_vgg19(tmp_path / "vgg16.pth")
