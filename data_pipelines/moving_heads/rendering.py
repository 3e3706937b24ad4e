"""Pictures of a scene: one ray a pixel, nine where the picture has an edge."""

import numpy as np
from jaxtyping import Float

from data_pipelines.moving_heads.paint import paint
from data_pipelines.moving_heads.scene import Scene
from data_pipelines.moving_heads.state import HeadState
from data_pipelines.moving_heads.surface import look

RAYS = 3  # along a side of a pixel at an edge
CONTRAST = 0.05  # between neighbours, from which a pixel counts as an edge


def render(scene: Scene, state: HeadState, *, size: int) -> Float[np.ndarray, "h w 3"]:
    """The picture of a scene in a state: float32 [size size 3] in [0, 1], pixel centres at the ends of [-1, 1]."""
    centres = pixel_centres(size).reshape(-1, 2).astype(np.float32)
    picture = paint(scene, look(scene, state, centres)).reshape(size, size, 3)
    edges = np.flatnonzero(_edges(picture))
    offsets = (np.arange(RAYS) + 0.5) / RAYS - 0.5
    within = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2) * (2 / (size - 1))
    rays = (centres[edges, None] + within.astype(np.float32)).reshape(-1, 2)
    fine = paint(scene, look(scene, state, rays)).reshape(len(edges), -1, 3)
    picture.reshape(-1, 3)[edges] = fine.mean(axis=1)
    return picture


def pixel_centres(size: int) -> Float[np.ndarray, "h w 2"]:
    """The (x, y) of every pixel of a square picture."""
    line = np.linspace(-1, 1, size)
    return np.stack(np.meshgrid(line, line), axis=-1)


def _edges(picture: Float[np.ndarray, "h w 3"]) -> np.ndarray:
    """Pixels that differ from a neighbour above, below or beside."""
    edges = np.zeros(picture.shape[:2], bool)
    down = np.abs(np.diff(picture, axis=0)).max(axis=-1) > CONTRAST
    right = np.abs(np.diff(picture, axis=1)).max(axis=-1) > CONTRAST
    edges[:-1] |= down
    edges[1:] |= down
    edges[:, :-1] |= right
    edges[:, 1:] |= right
    return edges
