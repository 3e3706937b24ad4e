"""Fine detail of a large portrait for the pictures of a small model."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thf_jax.ops.filtering import area_resize
from thf_jax.ops.sampling import resize_map, sample
from thf_jax.types import Rendering


def with_source_detail(
    rendering: Rendering, source: Float[Array, "y x 3"], *, align_corners: bool
) -> Float[Array, "y x 3"]:
    """The rendering at the source's size, with the detail that the model is too small to show.

    The model's warp is applied to the large source. What this holds beyond the model's own resolution (itself minus
    itself shrunk and enlarged again, the finest band of a Laplacian pyramid; Burt and Adelson 1983) is added to the
    enlarged rendering, as far as the source is visible. What the model painted itself stays as soft as it is.

    Args:
        rendering: of one frame, no batch axis.
        source: the portrait in [0, 1], the very region that was encoded, larger than the model's pictures.
        align_corners: how the model reads its grid.
    """
    shape = (source.shape[0], source.shape[1])
    small = (rendering.image.shape[0], rendering.image.shape[1])
    grid = resize_map(rendering.warp.grid, shape)
    moved = sample(source, grid, padding="edge", align_corners=align_corners)
    detail = moved - resize_map(area_resize(moved, small), shape)
    if rendering.warp.visibility is not None:
        detail = detail * resize_map(rendering.warp.visibility, shape)
    return jnp.clip(resize_map(rendering.image, shape) + detail, 0, 1)


add_source_detail = jax.jit(with_source_detail, static_argnames="align_corners")
