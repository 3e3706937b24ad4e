import itertools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from flax import linen as nn
from flax.traverse_util import flatten_dict

from tests.interop.samples import FIXTURES, LAYOUTS
from thf_jax.errors import InputError
from thf_jax.interop.networks import network_tensors
from thf_jax.interop.state_dict import convert, wanted_tensors
from thf_jax.interop.torch_reader import read_checkpoint
from thf_jax.nn.spectral import SpectralConv

random = np.random.default_rng(3)


def normal(*shape: int) -> np.ndarray:
    return random.standard_normal(shape).astype(np.float32)


def fill(module: nn.Module, x, tensors: dict, **options) -> dict:
    """The variables of one module, whose torch name is `layer`."""
    shapes = jax.eval_shape(lambda x: Outer(module).init(jax.random.key(0), x, **options), x)
    return convert({f"layer.{name}": value for name, value in tensors.items()}, shapes, [("inner", "layer")])


class Outer(nn.Module):
    inner: nn.Module

    def __call__(self, x, **options):
        return self.inner(x, **options)


def torch_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Torch's definition, one output at a time: x [in, space...], weight [out, in, kernel...], no padding."""
    space = [n - k + 1 for n, k in zip(x.shape[1:], weight.shape[2:], strict=True)]
    result = np.zeros((len(weight), *space))
    for at in itertools.product(*map(range, space)):
        window = x[:, *(slice(i, i + k) for i, k in zip(at, weight.shape[2:], strict=True))]
        for out in range(len(weight)):
            result[out, *at] = np.sum(weight[out] * window) + bias[out]
    return result


@pytest.mark.parametrize("kernel", [(3, 2), (2, 3, 2)])
def test_convolutions_of_two_and_three_dimensions(kernel):
    x, weight, bias = normal(3, *(k + 2 for k in kernel)), normal(4, 3, *kernel), normal(4)
    module = nn.Conv(4, kernel, padding="VALID")
    inputs = np.moveaxis(x, 0, -1)[None]
    variables = fill(module, inputs, {"weight": weight, "bias": bias})
    result = np.moveaxis(np.asarray(Outer(module).apply(variables, inputs))[0], -1, 0)
    np.testing.assert_allclose(result, torch_conv(x, weight, bias), atol=1e-5)


def test_linear_layers():
    x, weight, bias = normal(5), normal(4, 5), normal(4)
    variables = fill(nn.Dense(4), x[None], {"weight": weight, "bias": bias})
    result = Outer(nn.Dense(4)).apply(variables, x[None])[0]
    np.testing.assert_allclose(np.asarray(result), weight @ x + bias, atol=1e-5)


def test_batch_norm():
    x, weight, bias, mean, var = normal(6, 3), normal(3), normal(3), normal(3), normal(3) ** 2
    tensors = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": var}
    tensors["num_batches_tracked"] = np.array(5)
    module = nn.BatchNorm(use_running_average=True, epsilon=1e-5)
    variables = fill(module, x, tensors)
    result = np.asarray(Outer(module).apply(variables, x))
    np.testing.assert_allclose(result, (x - mean) / np.sqrt(var + 1e-5) * weight + bias, atol=1e-5)


def test_spectral_norm():
    """Torch divides the kernel by u W v, W being [out, in * kernel * kernel]."""
    x, weight, bias, u, v = normal(3, 4, 4), normal(2, 3, 2, 2), normal(2), normal(2), normal(12)
    inputs = jnp.asarray(np.moveaxis(x, 0, -1)[None])
    module = SpectralConv(2, 2, True)
    tensors = {"weight_orig": weight, "bias": bias, "weight_u": u, "weight_v": v}
    variables = jax.tree.map(jnp.asarray, fill(module, inputs, tensors, train=False))
    result = np.moveaxis(np.asarray(Outer(module).apply(variables, inputs, train=False))[0], -1, 0)
    expected = torch_conv(x, weight / (u @ weight.reshape(2, 12) @ v), bias)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_other_precisions_become_the_variables_own():
    weight, bias = normal(4, 5).astype(ml_dtypes.bfloat16), normal(4).astype(np.float64)
    params = fill(nn.Dense(4), normal(1, 5), {"weight": weight, "bias": bias})["params"]["inner"]
    assert params["kernel"].dtype == params["bias"].dtype == np.float32
    np.testing.assert_array_equal(params["kernel"], weight.T.astype(np.float32))


def dense(tensors: dict, **options):
    shapes = {"params": {"head": {"kernel": jnp.zeros((5, 4)), "bias": jnp.zeros(4)}}}
    return convert(tensors, shapes, [("head", "net.final")], **options)


WHOLE = {"net.final.weight": normal(4, 5), "net.final.bias": normal(4)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"net.final.weight": None}, r"^vox\.pth lacks net\.final\.weight 4x5$"),
        ({"net.extra.weight": normal(2, 2)}, r"has net\.extra\.weight 2x2, which no part takes"),
        (
            {"net.final.weight": None, "net.finale.weight": normal(4, 5)},
            r"lacks net\.final\.weight 4x5; it has net\.finale\.weight 4x5, .* is net\.final\.weight\)",
        ),
        ({"net.final.weight": normal(5, 4)}, r"has other shapes: net\.final\.weight is 5x4, not 4x5"),
        ({"net.final.bias": np.array(1.0)}, r"net\.final\.bias is \(one number\), not 4"),
        ({"net.final.bias": np.array([0, 0, np.nan, 0])}, r"net\.final\.bias has values that are not finite"),
        ({"net.final.bias": np.full(4, 1e300)}, "not finite"),
        ({f"net.more{i}.weight": normal(1) for i in range(9)}, r"net\.more2\.weight 1 and 6 more"),
    ],
)
def test_what_does_not_fit_is_named_with_its_shape(change, sentence):
    tensors = {name: value for name, value in {**WHOLE, **change}.items() if value is not None}
    with pytest.raises(InputError, match=sentence):
        dense(tensors, title="vox.pth")


def test_every_variable_is_wanted_once():
    shapes = {"params": {"head": {"kernel": jnp.zeros((5, 4)), "bias": jnp.zeros(4)}}}
    wanted = wanted_tensors(shapes, [("head", "net.final")])
    assert {name: want.shape for name, want in wanted.items()} == {"net.final.weight": (4, 5), "net.final.bias": (4,)}


def gaussian(size: int, sigma: float) -> np.ndarray:
    distance = np.arange(size) - size // 2
    line = np.exp(-(distance**2) / (2 * sigma**2))
    square = np.outer(line, line)
    return np.broadcast_to((square / square.sum()).astype(np.float32), (3, 1, size, size))


@pytest.mark.parametrize(("scale", "size", "sigma"), [(0.5, 5, 0.5), (0.25, 13, 1.5), (0.125, 29, 3.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_the_specified_filters_pass(scale, size, sigma, dtype):
    tensors = {**WHOLE, "net.down.weight": gaussian(size, sigma).astype(dtype)}
    flat = flatten_dict(dense(tensors, filters={"net.down.weight": scale}))
    assert set(flat) == {("params", "head", "kernel"), ("params", "head", "bias")}


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        (gaussian(13, 1.5), "Gaussian of 13x13 with a standard deviation of 1.5, but .* 29x29 .* 3.5"),
        (gaussian(29, 3.0), "29x29 with a standard deviation of 3, but"),
        (np.ones((3, 1, 29, 29), np.float32), "29x29 that is no Gaussian"),
        (np.ones((3, 1, 1, 1), np.float32), "a tensor of 3x1x1x1"),
        (np.ones(7, np.float32), "a tensor of 7"),
    ],
)
def test_other_filters_are_refused_in_words(weight, sentence):
    with pytest.raises(InputError, match=sentence):
        dense({**WHOLE, "net.down.weight": weight}, filters={"net.down.weight": 0.125})


@pytest.mark.parametrize(
    ("checkpoint", "sentence"),
    [
        ({"generator": {"a": 1}, "region_predictor": {"b": 1}}, "looks like a checkpoint of MRAA"),
        ({"generator": {"a": 1}, "kp_detector": {"b": 1}, "he_estimator": {"c": 1}}, "of face vid2vid"),
        ({"generator": {"appearance_encoder.x": 1}, "kp_detector": {"b": 1}}, "of Monkey-Net"),
        ({"state_dict": {"pix2pixUnwrapped.netG.x": 1}}, "of X2Face"),
        ({"motion_extractor": {"a": 1}}, "of LivePortrait"),
        ({"inpainting_network": {"a": 1}}, "of thin-plate-spline motion"),
        ({"model": {"a": 1}, "epoch": 3}, "needs kp_detector and generator; it has epoch, model"),
        ({}, "it has nothing"),
        ([1, 2], "it has only a list"),
        ({"generator": {"a": "text"}, "kp_detector": {"b": np.zeros(1)}}, "a str where generator.a should be a tensor"),
    ],
)
def test_other_checkpoints_are_recognised(checkpoint, sentence):
    with pytest.raises(InputError, match=sentence):
        network_tensors(checkpoint, ["kp_detector", "generator"], title="vox.pth", system="FOMM")


def test_networks_are_found_nested_and_flat():
    nested = read_checkpoint(FIXTURES / LAYOUTS[0])
    found = network_tensors(nested, ["kp_detector", "generator"], title="", system="FOMM")
    flat = {f"{network}.{name}": x for network in ("generator", "discriminator") for name, x in nested[network].items()}
    again = network_tensors(flat, ["generator"], title="", system="FOMM")
    assert len(found) == len(nested["kp_detector"]) + len(nested["generator"])
    assert set(again) == {name for name in found if name.startswith("generator.")}
