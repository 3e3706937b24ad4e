"""The hourglass: its channels as published, and every encoder feature handed across."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from tests.nn.samples import numbers, picture, positive, shapes
from thf_jax.errors import InputError
from thf_jax.nn.hourglass import Decoder, Encoder, Hourglass


@pytest.mark.parametrize(
    ("hourglass", "channels", "size", "down", "up"),
    [
        # In and out of every convolution, as the published networks' tables list them.
        (
            Hourglass(32, 5, 1024),
            3,
            64,
            [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)],
            [(1024, 512), (1024, 256), (512, 128), (256, 64), (128, 32)],
        ),
        (
            Hourglass(64, 5, 1024),
            44,
            64,
            [(44, 128), (128, 256), (256, 512), (512, 1024), (1024, 1024)],
            [(1024, 1024), (2048, 512), (1024, 256), (512, 128), (256, 64)],
        ),
        (Hourglass(4, 2, 6), 3, 8, [(3, 6), (6, 6)], [(6, 6), (12, 4)]),
    ],
    ids=["detector", "dense motion", "tiny"],
)
def test_channels(hourglass, channels, size, down, up):
    output, variables = shapes(hourglass, picture(2, size, size, channels), train=False)
    assert output.shape == (2, size, size, hourglass.width + channels)
    kernels = {path[0]: x.shape for path, x in flatten_dict(variables["params"]).items() if path[-1] == "kernel"}
    expected = {f"down{i}": (3, 3, *pair) for i, pair in enumerate(down)}
    assert kernels == expected | {f"up{i}": (3, 3, *pair) for i, pair in enumerate(up)}


@pytest.mark.parametrize("size", [(8, 6), (4, 8), (9, 8)])
def test_a_map_that_cannot_be_halved_so_often_is_refused(size):
    with pytest.raises(InputError, match=rf"must be multiples of 8, not {size[0]} x {size[1]}"):
        shapes(Hourglass(2, 3), picture(1, *size, 3), train=False)


HOURGLASS = Hourglass(2, 2, 8)
X = numbers(1, 8, 4, 3)


@pytest.fixture(scope="module")
def variables():
    return positive(HOURGLASS, X, train=False)


run = jax.jit(lambda variables, x: HOURGLASS.apply(variables, x, train=False))


def test_the_input_itself_is_the_last_channels(variables):
    np.testing.assert_array_equal(run(variables, X)[..., 2:], X)


def without(variables, block: str, channels: slice):
    """The same variables, the kernel of one block deaf to some of its input channels."""
    params, conv = variables["params"], variables["params"][block]["conv"]
    deaf = {**conv, "kernel": conv["kernel"].at[:, :, channels].set(0)}
    return {**variables, "params": {**params, block: {**params[block], "conv": deaf}}}


def test_the_decoder_sees_what_came_up_first_and_then_the_skip(variables):
    """The last block has 4 channels from below and 4 of the encoder's; deaf to the first, it misses the bottleneck."""

    def changes_with_the_bottleneck(variables) -> bool:
        return not np.array_equal(run(variables, X), run(without(variables, "down1", slice(None)), X))

    only_skip, only_below = without(variables, "up1", slice(4)), without(variables, "up1", slice(4, None))
    assert variables["params"]["up1"]["conv"]["kernel"].shape[2] == 8
    assert changes_with_the_bottleneck(only_below)
    assert not changes_with_the_bottleneck(only_skip)
    assert np.abs(run(only_skip, X) - run(only_skip, 2 * X))[..., :2].max() > 1e-3


def test_an_encoder_gives_the_map_itself_and_then_every_halving():
    features, _ = shapes(Encoder(2, 3, 8), picture(1, 16, 8, 3), train=False)
    assert [x.shape for x in features] == [(1, 16, 8, 3), (1, 8, 4, 4), (1, 4, 2, 8), (1, 2, 1, 8)]


def test_a_decoder_takes_maps_with_more_channels_than_an_encoder_gives():
    """Monkey-Net's keypoint heat-maps stand beside every one of them."""
    maps = [picture(1, 8, 8, 3 + 5), picture(1, 4, 4, 4 + 5), picture(1, 2, 2, 8 + 5)]
    output, variables = shapes(Decoder(2, 2, 8), maps, train=False)
    assert output.shape == (1, 8, 8, 2 + 3 + 5)
    inputs = {name: block["conv"]["kernel"].shape[2:] for name, block in variables["params"].items()}
    assert inputs == {"up0": (8 + 5, 4), "up1": (4 + 4 + 5, 2)}


def test_an_hourglass_is_an_encoder_and_a_decoder_under_one_name(variables):
    """The names of its variables, which files hold, are those of both side by side."""
    encoder, decoder = Encoder(2, 2, 8), Decoder(2, 2, 8)
    features, of_encoder = shapes(encoder, X, train=False)
    _, of_decoder = shapes(decoder, features, train=False)
    together = {kind: of_encoder[kind] | of_decoder[kind] for kind in ("params", "batch_stats")}
    assert jax.tree.map(np.shape, together) == jax.tree.map(np.shape, variables)
    assert set(variables["params"]) == {"down0", "down1", "up0", "up1"}

    @jax.jit
    def in_turn(variables, x):
        return decoder.apply(variables, encoder.apply(variables, x, train=False), train=False)

    np.testing.assert_allclose(in_turn(variables, X), run(variables, X), rtol=1e-5, atol=1e-5)
