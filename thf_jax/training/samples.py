"""The sample picture of a run: what goes in, what the networks make of it, and what comes out."""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thf_jax.ops.sampling import resize_map
from thf_jax.training.progress import tile
from thf_jax.training.recipe import Recipe
from thf_jax.types import Rendering, Warp

COLOURS = np.array([[230, 60, 60], [60, 200, 80], [70, 110, 240], [240, 200, 40], [200, 80, 220], [60, 210, 220]]) / 255


def draw_keypoints(image: Float[np.ndarray, "h w 3"], position: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "h w 3"]:
    """A copy of the image with a small square at each keypoint (x, y) in [-1, 1]."""
    image = np.array(image)
    size = np.array(image.shape[1::-1])
    reach = max(1, image.shape[0] // 64)
    for number, (column, row) in enumerate(np.rint((position + 1) / 2 * (size - 1)).astype(int)):
        rows = slice(max(0, row - reach), max(0, row + reach))
        image[rows, max(0, column - reach) : max(0, column + reach)] = COLOURS[number % len(COLOURS)]
    return image


def sample_picture(recipe: Recipe, variables: Any, batch: dict[str, Array], *, rows: int = 4) -> np.ndarray:
    """A uint8 picture, a row an example: source, driving, both with keypoints, warped source, visibility, result.

    Where motions have no keypoints, the third picture is what was encoded of the source, such as an embedded face.
    Where a volume is warped, there is no warped source.
    """
    source, driving = (np.asarray(batch[name][:rows], np.float32) / 255 for name in ("source", "driving"))
    seen = jax.device_get(_look(recipe.module, variables, source, driving))
    source = source[:, 0] if source.ndim == 5 else source  # of several sources the first
    examples = (jax.tree.map(operator.itemgetter(index), seen) for index in range(len(source)))
    return tile([_row(*triple) for triple in zip(source, driving, examples, strict=True)])


@functools.partial(jax.jit, static_argnums=0)
def _look(module: Any, variables: Any, source: Any, driving: Any) -> tuple[Array, Any, Any, Rendering, Array]:
    encoded = module.apply(variables, source, method="encode")
    motion = module.apply(variables, driving, method="motion")
    rendering = module.apply(variables, encoded, motion, method="render")
    visibility = rendering.warp.visibility
    if visibility is None:
        visibility = jnp.ones_like(rendering.image)
    visibility = jax.vmap(lambda one: resize_map(one, driving.shape[1:3]))(visibility)
    at, to = (one.posed(encoded) if hasattr(one, "posed") else None for one in (encoded.motion, motion))
    return encoded.image, at, to, rendering, jnp.broadcast_to(visibility, rendering.image.shape)


def _row(source: np.ndarray, driving: np.ndarray, seen: tuple[Any, ...]) -> list[np.ndarray]:
    encoded, at, to, rendering, visibility = seen
    warped: list[Any] = [rendering.warp.deformed] if isinstance(rendering.warp, Warp) else []
    return [source, driving, _marked(encoded, at), _marked(driving, to), *warped, visibility, rendering.image]


def _marked(image: np.ndarray, keypoints: Any) -> np.ndarray:
    """The image with the keypoints, if there are any; of those in 3-D, x and y."""
    return image if keypoints is None else draw_keypoints(image, keypoints.position[:, :2])
