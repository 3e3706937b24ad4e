"""Colour jitter against Pillow and against formulas in NumPy."""

import colorsys
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from data_pipelines.augment import Jitter, apply_jitter, color_jitter, draw_jitter

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.float32) / 255
PAIRS = {
    name: jax.random.uniform(jax.random.key(number), (8, 6, 5, 3)) for number, name in enumerate(("source", "driving"))
}
STEPS = ("brightness", "contrast", "saturation", "hue")


def by_hand(image, step, amount):
    """One step in NumPy and the standard library."""
    image = image.astype(np.float64)
    if step == "hue":
        turned = [colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3)]
        return np.array([colorsys.hsv_to_rgb((h + amount) % 1, s, v) for h, s, v in turned]).reshape(image.shape)
    grey = image @ [0.299, 0.587, 0.114]
    anchor = {"brightness": 0.0, "contrast": grey.mean(), "saturation": grey[..., None]}[step]
    return np.clip(anchor + amount * (image - anchor), 0, 1)


def jitter(order, amounts):
    """The Jitter that does the steps in that order."""
    rest = [STEPS.index(step) for step in order if step != "hue"]
    return Jitter(
        factors=jnp.array([amounts[step] for step in STEPS[:3]]),
        hue=jnp.array(amounts["hue"]),
        order=jnp.array(rest),
        before_hue=jnp.array(order.index("hue")),
    )


AMOUNTS = {"brightness": 1.3, "contrast": 1.4, "saturation": 1.5, "hue": 0.1}
apply = jax.jit(apply_jitter)
jitted = jax.jit(color_jitter)


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)))
def test_every_order_equals_the_formulas(order):
    expected = IMAGE
    for step in order:
        expected = by_hand(expected, step, AMOUNTS[step])
    np.testing.assert_allclose(apply(IMAGE, jitter(order, AMOUNTS)), expected, atol=2e-6)


def test_the_orders_differ():
    results = [np.asarray(apply(IMAGE, jitter(order, AMOUNTS))) for order in itertools.permutations(STEPS)]
    assert len(np.unique(np.round(results, 4), axis=0)) > 12


@pytest.mark.parametrize(
    ("step", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("amount", [0.9, 1.1])
def test_steps_equal_pillows(step, enhance, amount):
    none = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    expected = enhance(Image.fromarray(np.round(255 * IMAGE).astype(np.uint8))).enhance(amount)
    result = apply(IMAGE, jitter(STEPS, none | {step: amount}))
    np.testing.assert_allclose(255 * np.asarray(result), expected, atol=1.1)  # Pillow cuts off to whole numbers


@given(st.integers(0, 2**32 - 1))
def test_draws_stay_in_their_ranges(seed):
    draw = jax.jit(draw_jitter)(jax.random.key(seed), jnp.array([0.1, 0.2, 0.3, 0.05]))
    assert (jnp.abs(draw.factors - 1) <= jnp.array([0.1, 0.2, 0.3]) + 1e-6).all()
    assert abs(float(draw.hue)) <= 0.05
    assert sorted(draw.order.tolist()) == [0, 1, 2]


def test_draws_are_uniform():
    draws = jax.vmap(lambda key: draw_jitter(key, jnp.full(4, 0.1)))(jax.random.split(jax.random.key(0), 4800))
    for values, centre in ((draws.factors, 1), (draws.hue, 0)):
        deciles = np.quantile(np.asarray(values), np.linspace(0, 1, 11), axis=0)
        expected = centre + np.linspace(-0.1, 0.1, 11)
        np.testing.assert_allclose(
            deciles.reshape(11, -1), np.broadcast_to(expected[:, None], deciles.reshape(11, -1).shape), atol=8e-3
        )
    orders = np.concatenate([draws.order, draws.before_hue[:, None]], axis=1)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    np.testing.assert_allclose(counts, 200, atol=4 * np.sqrt(200))


def test_both_images_of_a_pair_get_one_draw_and_each_pair_its_own():
    same = {"source": PAIRS["source"], "driving": PAIRS["source"]}
    result = jitted(jax.random.key(3), same)
    np.testing.assert_array_equal(result["source"], result["driving"])
    alike = jnp.broadcast_to(PAIRS["source"][:1], PAIRS["source"].shape)
    changed = np.asarray(jitted(jax.random.key(3), {"source": alike, "driving": alike})["source"])
    assert len(np.unique(changed, axis=0)) == 8


def test_several_sources_and_a_stranger_get_the_draw_of_their_pair():
    several = jnp.stack([PAIRS["source"], PAIRS["driving"], PAIRS["source"]], axis=1)
    result = jitted(jax.random.key(3), {"source": several, "driving": PAIRS["driving"], "stranger": PAIRS["source"]})
    expected = jitted(jax.random.key(3), PAIRS)
    for images, name in (
        (result["source"][:, 0], "source"),
        (result["source"][:, 1], "driving"),
        (result["source"][:, 2], "source"),
        (result["driving"], "driving"),
        (result["stranger"], "source"),
    ):
        np.testing.assert_allclose(images, expected[name], atol=1e-6)


def test_images_stay_images():
    result = jitted(jax.random.key(0), PAIRS)
    for name, images in result.items():
        assert images.shape == PAIRS[name].shape
        assert images.dtype == jnp.float32
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1
        assert 0.005 < float(jnp.abs(images - PAIRS[name]).mean()) < 0.1


def test_key_decides():
    first, again = (jitted(jax.random.key(0), PAIRS) for _ in range(2))
    np.testing.assert_array_equal(first["source"], again["source"])
    other = jitted(jax.random.key(1), PAIRS)
    assert not np.array_equal(first["source"], other["source"])


def test_no_width_no_change():
    still = jax.jit(functools.partial(color_jitter, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0))
    result = still(jax.random.key(0), PAIRS)
    np.testing.assert_allclose(result["source"], PAIRS["source"], atol=1e-6)


def test_grey_stays_grey():
    greys = jnp.linspace(0, 1, 8)[:, None, None, None] * jnp.ones((6, 5, 3))
    result = np.asarray(jitted(jax.random.key(0), {"source": greys, "driving": greys})["source"])
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, result[..., :1].repeat(3, axis=-1), atol=1e-6)
