"""The sample picture of a run: what goes in, what the networks make of it, and what comes out."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from thf_jax.ops.sampling import resize_map
from thf_jax.training.step import Recipe
from thf_jax.training.progress import tile
from thf_jax.types import Keypoints, Rendering

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
    """A uint8 picture, a row an example: source, driving, both with keypoints, warped source, visibility, result."""
    few = {name: np.asarray(images[:rows], np.float32) / 255 for name, images in batch.items()}
    source, driving, rendering = _look(recipe, variables, few["source"], few["driving"])
    lines = []
    for index in range(len(few["source"])):
        one = jax.tree.map(lambda x, i=index: np.asarray(x[i]), (source, driving, rendering))
        lines.append(_row(few["source"][index], few["driving"][index], *one))
    return tile(lines)


def _look(recipe: Recipe, variables: Any, source: Array, driving: Array) -> tuple[Keypoints, Keypoints, Rendering]:
    def verbs(variables: Any, source: Array, driving: Array) -> tuple[Keypoints, Keypoints, Rendering]:
        encoded = recipe.module.apply(variables, source, method="encode")
        motion = recipe.module.apply(variables, driving, method="motion")
        return encoded.motion, motion, recipe.module.apply(variables, encoded, motion, method="render")

    return jax.jit(verbs)(variables, source, driving)


def _row(source: Any, driving: Any, at: Keypoints, to: Keypoints, rendering: Rendering) -> list[np.ndarray]:
    visibility = rendering.warp.visibility
    if visibility is None:
        visible = np.ones_like(source)
    else:
        visible = np.repeat(np.asarray(resize_map(jax.numpy.asarray(visibility), source.shape[:2])), 3, axis=-1)
    return [
        source,
        driving,
        draw_keypoints(source, at.position),
        draw_keypoints(driving, to.position),
        rendering.warp.deformed,
        visible,
        rendering.image,
    ]
