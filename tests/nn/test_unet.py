"""The U-net: its levels, its skips, its initial values and both halves, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers, picture, positive, shapes
from thf_jax.errors import InputError
from thf_jax.nn.convolution import convolve
from thf_jax.nn.unet import UNet
from thf_jax.ops.upsampling import double_bilinear

SMALL = {"width": 2, "depth": 3, "most": 4}
BY_SKIPS = {skips: UNet(2, 5, skips, **SMALL) for skips in (True, False)}


@pytest.fixture(scope="module")
def run():
    """Map, code and variables of a small network on two pictures, by whether it has skips."""
    x = numbers(2, 8, 8, 3)

    def all_of(module):
        variables = positive(module, x)

        @jax.jit
        def halves(variables, x):
            code, maps = module.apply(variables, x, method="encode")
            return module.apply(variables, x), code, module.apply(variables, code, maps, method="decode")

        return variables, *halves(variables, x)

    return x, {skips: all_of(module) for skips, module in BY_SKIPS.items()}


def normalized(x, variables, block):
    params = variables["params"][block]["norm"]
    mean, var = (variables["batch_stats"][block]["norm"][name] for name in ("mean", "var"))
    return (x - mean) / np.sqrt(var + 1e-5) * params["scale"] + params["bias"]


@pytest.mark.parametrize("skips", [True, False])
def test_all_of_it_by_hand(run, skips):
    x, outputs = run
    variables, together, code, halves = outputs[skips]

    def convolved(x, block, **options):
        return np.asarray(convolve(jnp.asarray(x), variables["params"][block]["conv"]["kernel"], padding=1, **options))

    leaky = lambda x: np.where(x > 0, x, 0.2 * x)  # noqa: E731
    first = convolved(x, "down_0", stride=2)
    second = normalized(convolved(leaky(first), "down_1", stride=2), variables, "down_1")
    lowest = convolved(leaky(second), "down_2", stride=2)
    np.testing.assert_allclose(code, lowest, rtol=1e-4, atol=1e-4)

    def doubled(x, block):
        return convolved(double_bilinear(jnp.maximum(x, 0)), block)

    def beside(x, skip):
        return np.concatenate([x, skip], -1) if skips else x

    up = beside(normalized(doubled(lowest, "up_2"), variables, "up_2"), second)
    up = beside(normalized(doubled(up, "up_1"), variables, "up_1"), first)
    expected = doubled(up, "up_0")
    assert expected.shape == (2, 8, 8, 2)
    np.testing.assert_allclose(together, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(halves, together)


def test_widths_double_up_to_the_most():
    _, variables = shapes(UNet(3, 512, True), picture(1, 256, 256, 3))
    kernels = {name: block["conv"]["kernel"].shape for name, block in variables["params"].items()}
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    assert [kernels[f"down_{level}"] for level in range(8)] == [
        (4, 4, before, after) for before, after in zip([3, *widths], widths, strict=False)
    ]
    inputs = [128, 256, 512, 1024, 1024, 1024, 1024, 512]
    assert [kernels[f"up_{level}"] for level in range(8)] == [
        (3, 3, before, after) for before, after in zip(inputs, [3, *widths], strict=False)
    ]
    norms = {name for name, block in variables["params"].items() if "norm" in block}
    assert norms == {f"down_{level}" for level in range(1, 7)} | {f"up_{level}" for level in range(1, 8)}
    assert not any("bias" in block["conv"] for block in variables["params"].values())


@pytest.mark.parametrize(("depth", "size"), [(3, (8, 12)), (4, (8, 8)), (1, (8, 8))])
def test_maps_that_cannot_be_halved_so_often_are_refused(depth, size):
    with pytest.raises(InputError, match=rf"a U-net of depth {depth} .* not {size[0]} x {size[1]}"):
        shapes(UNet(2, 4, True, 2, depth), picture(1, *size, 3))


def test_initial_values_are_the_published_trainings():
    """Xavier-normal kernels of gain 1, whose tails are not cut, and scales between 0.02 and 1."""
    params = jax.jit(UNet(2, 64, False, 64, 2).init)(jax.random.key(0), numbers(1, 4, 4, 3))["params"]
    kernel = np.asarray(params["down_1"]["conv"]["kernel"])
    deviation = (2 / (16 * 64 + 16 * 64)) ** 0.5
    assert kernel.std() == pytest.approx(deviation, rel=0.02)
    assert np.abs(kernel).max() > 3 * deviation
    scale = np.asarray(params["up_1"]["norm"]["scale"])
    assert 0.02 <= scale.min() < 0.15 and 0.85 < scale.max() <= 1 and (params["up_1"]["norm"]["bias"] == 0).all()


def test_training_uses_the_batchs_statistics(run):
    x, outputs = run
    variables = outputs[True][0]
    train = jax.jit(lambda v, x: BY_SKIPS[True].apply(v, x, train=True, mutable="batch_stats"))
    _, changed = train(variables, x)
    differences = jax.tree.map(lambda a, b: np.abs(a - b).max(), changed["batch_stats"], variables["batch_stats"])
    assert min(jax.tree.leaves(differences)) > 0
