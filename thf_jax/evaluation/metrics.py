"""How far one picture is from another. Images are floating in [0, 1], [h w 3]; each function gives one number."""

import dm_pix
import jax.numpy as jnp
from jaxtyping import Array, Float


def l1(image: Float[Array, "h w 3"], target: Float[Array, "h w 3"]) -> Float[Array, ""]:
    """The mean absolute difference, in units of the full range."""
    return jnp.abs(image - target).mean()


def psnr(image: Float[Array, "h w 3"], target: Float[Array, "h w 3"]) -> Float[Array, ""]:
    """The peak signal-to-noise ratio in decibels, the peak being 1.

    At most 100, so that equal pictures leave a mean finite.
    """
    return jnp.minimum(dm_pix.psnr(image, target), 100.0)


def ssim(image: Float[Array, "h w 3"], target: Float[Array, "h w 3"]) -> Float[Array, ""]:
    """The mean structural similarity (Wang et al. 2004): 11 x 11 Gaussian window of deviation 1.5, mean channel."""
    return jnp.asarray(dm_pix.ssim(image, target, max_val=1.0))


METRICS = {"l1": l1, "psnr": psnr, "ssim": ssim}
"""By the names that tables use."""
LESS_IS_BETTER = ("l1",)
"""Of the others more is."""
