"""Colour jitter on the device: the published augmentation of training pairs, as part of the jitted train step."""

import functools
import itertools
from typing import NamedTuple

import dm_pix
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from data_pipelines.images import LUMA

BRIGHTNESS, CONTRAST, SATURATION = range(3)
# Every order of the three steps, with every number of them before the hue.
ORDERS = [(*order, before_hue) for order in itertools.permutations(range(3)) for before_hue in range(4)]

Planes = Float[Array, "3 h w"]


class Jitter(NamedTuple):
    """One draw for one pair.

    `factors` belong to brightness, contrast and saturation; `order` is the order of those three; `before_hue` of them
    come before the hue is turned.
    """

    factors: Float[Array, "3"]
    hue: Float[Array, ""]
    order: Int[Array, "3"]
    before_hue: Int[Array, ""]


def color_jitter(
    key: PRNGKeyArray,
    batch: dict[str, Float[Array, "b ... h w 3"]],
    *,
    brightness: float = 0.1,
    contrast: float = 0.1,
    saturation: float = 0.1,
    hue: float = 0.1,
) -> dict[str, Float[Array, "b ... h w 3"]]:
    """The pairs with their colours changed: images in [0, 1] in and out, one draw for all images of a pair.

    Brightness, contrast and saturation are multiplied by factors uniform in [1 - x, 1 + x], the hue is turned by a
    fraction of the circle uniform in [-hue, hue], in an order that is drawn for each pair anew; every step ends
    clipped to [0, 1]. The steps are those of Pillow's ImageEnhance, and so of the published loaders, without rounding
    to 8 bits. dm_pix serves for the hue alone: its brightness adds, its contrast treats each channel apart and its
    saturation works on HSV.

    Args:
        key: of all draws.
        batch: images [b h w 3], or several in place of one [b n h w 3], of any names; pair i stands at index i of each.
        brightness: half the width of the range of factors.
        contrast: half the width of the range of factors, about the mean grey of the image.
        saturation: half the width of the range of factors, about the grey of the pixel.
        hue: half the width of the range of turns, in fractions of the circle.
    """
    count = next(iter(batch.values())).shape[0]
    widths = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    return jax.vmap(functools.partial(jitter_pair, **widths))(jax.random.split(key, count), batch)


def jitter_pair(
    key: PRNGKeyArray,
    pair: dict[str, Float[Array, "... h w 3"]],
    *,
    brightness: float = 0.1,
    contrast: float = 0.1,
    saturation: float = 0.1,
    hue: float = 0.1,
) -> dict[str, Float[Array, "... h w 3"]]:
    """One pair with its colours changed, by one draw; see `color_jitter`."""
    jitter = draw_jitter(key, jnp.array([brightness, contrast, saturation, hue], jnp.float32))

    def apply(images: Float[Array, "... h w 3"]) -> Float[Array, "... h w 3"]:
        return apply_jitter(images, jitter) if images.ndim == 3 else jax.vmap(apply_jitter, (0, None))(images, jitter)

    return jax.tree.map(apply, pair)


def draw_jitter(key: PRNGKeyArray, widths: Float[Array, "4"]) -> Jitter:
    """Factors uniform in 1 -+ widths, a turn uniform in -+ the last, and one of the 24 orders, all equally likely."""
    amount_key, order_key = jax.random.split(key)
    changes = widths * jax.random.uniform(amount_key, (4,), minval=-1.0)
    order = jnp.array(ORDERS)[jax.random.randint(order_key, (), 0, len(ORDERS))]
    return Jitter(factors=1 + changes[:3], hue=changes[3], order=order[:3], before_hue=order[3])


def apply_jitter(image: Float[Array, "h w 3"], jitter: Jitter) -> Float[Array, "h w 3"]:
    """The image after the four steps in their order.

    The order is data, and under vmap a branch on data computes every branch. So the three cheap steps share one
    formula and stand ready on both sides of the hue, with the factor 1 (no change) where it is not their turn; the
    costly turn of the hue is computed once. Work on whole planes is five times as fast here as on pixels of three.
    """
    planes = _blends(jnp.moveaxis(image, -1, 0), jitter, active=jnp.arange(3) < jitter.before_hue)
    with jax.numpy_dtype_promotion("standard"):  # dm_pix adds a comparison to a number.
        planes = jnp.clip(dm_pix.adjust_hue(planes, jitter.hue, channel_axis=0), 0, 1)
    planes = _blends(planes, jitter, active=jnp.arange(3) >= jitter.before_hue)
    return jnp.moveaxis(planes, 0, -1)


def _blends(planes: Planes, jitter: Jitter, *, active: Bool[Array, "3"]) -> Planes:
    """The three blends in their order, those that are not active with the factor 1.

    They are a loop because XLA would fuse them if they were written out, and compute each anew within the next: that
    takes a CPU three times as long.
    """

    def step(planes: Planes, order: tuple[Int[Array, ""], Bool[Array, ""]]) -> tuple[Planes, None]:
        kind, is_active = order
        return _blend(planes, kind, jnp.where(is_active, jitter.factors[kind], 1)), None

    return jax.lax.scan(step, planes, (jitter.order, active))[0]


def _blend(planes: Planes, kind: Int[Array, ""], factor: Float[Array, ""]) -> Planes:
    """The image at `factor` and black, the mean grey or each pixel's grey at 1 - factor."""
    red, green, blue = planes
    grey = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    anchor = jnp.where(kind == SATURATION, grey, jnp.where(kind == CONTRAST, grey.mean(), 0))
    return jnp.clip(factor * planes + (1 - factor) * anchor, 0, 1)
