"""The patch discriminator and its spectrally normalised convolutions."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers, picture, positive, shapes
from thf_jax.nn.convolution import average_pool, convolve
from thf_jax.nn.discriminator import PatchDiscriminator
from thf_jax.nn.spectral import SpectralConv

X = numbers(2, 12, 12, 3)
LAYER = SpectralConv(5, 4, normalize=True)


@pytest.fixture(scope="module")
def fresh():
    return jax.jit(lambda key: LAYER.init(key, X, train=True))(jax.random.key(0))


@jax.jit
def pass_in_training(variables, x):
    y, updated = LAYER.apply(variables, x, train=True, mutable="spectral")
    return y, {**variables, **updated}


def as_matrix(kernel) -> np.ndarray:
    """[outputs, inputs * height * width], inputs varying slowest."""
    return np.moveaxis(np.asarray(kernel, np.float64), (3, 2), (0, 1)).reshape(kernel.shape[3], -1)


def norm_by_vectors(variables) -> float:
    u, v = (np.asarray(variables["spectral"][name], np.float64) for name in "uv")
    return u @ as_matrix(variables["params"]["kernel"]) @ v


def test_training_passes_converge_to_the_largest_singular_value(fresh):
    exact = np.linalg.svd(as_matrix(fresh["params"]["kernel"]), compute_uv=False)[0]
    variables, errors = fresh, []
    for _ in range(40):
        _, variables = pass_in_training(variables, X)
        errors.append(exact - norm_by_vectors(variables))
    assert errors[0] > 1e-2 * exact and abs(errors[-1]) < 1e-3 * exact
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(errors))
    y, _ = pass_in_training(variables, X)
    expected = convolve(X, fresh["params"]["kernel"] / exact) + fresh["params"]["bias"]
    np.testing.assert_allclose(y, expected, rtol=1e-2, atol=1e-3)


def test_one_pass_is_one_power_iteration(fresh):
    _, variables = pass_in_training(fresh, X)
    matrix, u = as_matrix(fresh["params"]["kernel"]), np.asarray(fresh["spectral"]["u"], np.float64)
    v = matrix.T @ u / np.linalg.norm(matrix.T @ u)
    u = matrix @ v / np.linalg.norm(matrix @ v)
    np.testing.assert_allclose(variables["spectral"]["v"], v, atol=1e-5)
    np.testing.assert_allclose(variables["spectral"]["u"], u, atol=1e-5)


def test_evaluation_does_not_iterate(fresh):
    y, updated = LAYER.apply(fresh, X, train=False, mutable="spectral")
    jax.tree.map(np.testing.assert_array_equal, updated["spectral"], fresh["spectral"])
    expected = convolve(X, fresh["params"]["kernel"] / norm_by_vectors(fresh)) + fresh["params"]["bias"]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_the_vectors_start_random_and_of_length_1(fresh):
    for vector in fresh["spectral"].values():
        assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-5)
        assert np.std(vector) > 0.05


def test_no_gradient_flows_through_the_iteration(fresh):
    """The norm's slope is u v^T, as if both vectors were constants."""
    kernel, direction = fresh["params"]["kernel"], numbers(2, 9, 9, 5, seed=4)
    _, after = pass_in_training(fresh, X)
    u, v = after["spectral"]["u"], after["spectral"]["v"]

    def layers(kernel):
        params = {**fresh["params"], "kernel": kernel}
        y, _ = LAYER.apply({**fresh, "params": params}, X, train=True, mutable="spectral")
        return (y * direction).sum()

    def by_hand(kernel):
        norm = u @ kernel.transpose(3, 2, 0, 1).reshape(5, -1) @ v
        return (convolve(X, kernel / norm) * direction).sum()

    actual, expected = (jax.jit(jax.grad(loss))(kernel) for loss in (layers, by_hand))
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-3)


def test_without_normalisation_it_is_a_plain_convolution():
    layer = SpectralConv(5, 4, normalize=False)
    variables = positive(layer, X, train=True)
    assert set(variables) == {"params"}
    expected = convolve(X, variables["params"]["kernel"]) + variables["params"]["bias"]
    np.testing.assert_allclose(layer.apply(variables, X, train=True), expected, rtol=1e-5)


def test_the_published_sizes():
    (score, features), variables = shapes(PatchDiscriminator(), picture(1, 256, 256, 3), train=False)
    assert [x.shape for x in features] == [(1, 126, 126, 64), (1, 61, 61, 128), (1, 29, 29, 256), (1, 26, 26, 512)]
    assert score.shape == (1, 26, 26, 1)
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == 2_758_849


def test_heatmaps_add_their_channels():
    module, image, heatmaps = PatchDiscriminator(), picture(1, 64, 64, 3), picture(1, 64, 64, 10)
    _, variables = shapes(module, image, heatmaps, train=False)
    assert variables["params"]["conv0"]["kernel"].shape == (4, 4, 13, 64)
    assert sum(x.size for x in jax.tree.leaves(variables["params"])) == 2_769_089


SMALL = PatchDiscriminator(width=2, depth=2, most=8)
PICTURES, HEATMAPS = numbers(2, 16, 16, 3), numbers(2, 16, 16, 1, seed=5)


@jax.jit
def judge(variables, image, heatmaps):
    return SMALL.apply(variables, image, heatmaps, train=False)


def test_blocks_are_convolution_instance_norm_leaky_relu_and_pooling():
    variables = positive(SMALL, PICTURES, HEATMAPS, train=False)
    params = variables["params"]
    assert set(params) == {"conv0", "conv1", "norm1", "score"}
    score, features = judge(variables, PICTURES, HEATMAPS)

    def conv(name, x):
        return np.asarray(convolve(jnp.asarray(x), params[name]["kernel"]) + params[name]["bias"], np.float64)

    def leaky(x):
        return np.where(x > 0, x, 0.2 * x)

    x = leaky(conv("conv0", np.concatenate([PICTURES, HEATMAPS], -1)))
    x = x[:, :12, :12].reshape(2, 6, 2, 6, 2, 4).mean((2, 4))
    np.testing.assert_allclose(features[0], x, rtol=1e-4, atol=1e-4)
    x = conv("conv1", features[0])
    x = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    x = leaky(x * params["norm1"]["scale"] + params["norm1"]["bias"])
    np.testing.assert_allclose(features[1], x, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(score, conv("score", features[1]), rtol=1e-4, atol=1e-4)


def test_the_score_depends_on_the_pose():
    variables = positive(SMALL, PICTURES, HEATMAPS, train=False)
    moved = judge(variables, PICTURES, jnp.roll(HEATMAPS, 3, axis=2))[0]
    assert np.abs(judge(variables, PICTURES, HEATMAPS)[0] - moved).max() > 1e-3


@pytest.mark.parametrize(
    ("module", "sizes", "channels"),
    [
        # At 256 pixels, as the published networks' tables list them: FOMM's and Monkey-Net's.
        (PatchDiscriminator(), [126, 61, 29, 26], [64, 128, 256, 512]),
        (PatchDiscriminator(most=256, pool_last=True), [126, 61, 29, 13], [64, 128, 256, 256]),
    ],
    ids=["FOMM", "Monkey-Net"],
)
def test_the_last_block_is_pooled_where_it_shall_be(module, sizes, channels):
    (score, features), _ = shapes(module, picture(1, 256, 256, 3), picture(1, 256, 256, 10), train=False)
    assert [x.shape for x in features] == [(1, n, n, c) for n, c in zip(sizes, channels, strict=True)]
    assert score.shape == (1, sizes[-1], sizes[-1], 1)


def test_pooling_the_last_block_is_a_mean_and_nothing_more():
    plain, pooled = PatchDiscriminator(2, 2, 4), PatchDiscriminator(2, 2, 4, pool_last=True)
    variables = positive(plain, numbers(1, 16, 16, 3), train=False)
    x = numbers(1, 16, 16, 3, seed=5)
    run = [jax.jit(lambda v, x, m=module: m.apply(v, x, train=False)) for module in (plain, pooled)]
    (_, unpooled), (score, features) = (one(variables, x) for one in run)
    np.testing.assert_allclose(features[1], average_pool(unpooled[1]), atol=1e-5)
    kernel, bias = (variables["params"]["score"][name] for name in ("kernel", "bias"))
    np.testing.assert_allclose(score, features[1] @ kernel[0, 0] + bias, rtol=1e-5, atol=1e-5)
