"""The background predictor of MRAA: how what stands behind moves."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError, nearest
from thf_jax.nn.hourglass import Encoder
from thf_jax.ops.precision import at_least_float32

BACKGROUNDS = {"shift": (2, 5), "affine": (0, 1, 2, 3, 4, 5), "perspective": (0, 1, 2, 3, 4, 5, 6, 7)}
"""Which entries of the background's 3 x 3 matrix, row by row, are predicted; the others are the identity's."""


class BackgroundPredictor(nn.Module):
    """How the background moves between two pictures: a matrix [b 3 3] on (x, y, 1) (MRAA, section 3.3).

    Args:
        width, depth, most: of the encoder.
        kind: `shift`, `affine` or `perspective`: how many entries of the matrix are free.

    Raises:
        InputError: another kind.
    """

    width: int = 32
    depth: int = 5
    most: int = 1024
    kind: str = "affine"

    @nn.compact
    def __call__(
        self, source: Float[Array, "b h w 3"], driving: Float[Array, "b h w 3"], *, train: bool = False
    ) -> Float[Array, "b 3 3"]:
        if self.kind not in BACKGROUNDS:
            raise InputError(f"there is no kind of background named {self.kind!r}{nearest(self.kind, BACKGROUNDS)}")
        free = jnp.array(BACKGROUNDS[self.kind])
        both = jnp.concatenate([source, driving], axis=-1)
        smallest = Encoder(self.width, self.depth, self.most, name="encoder")(both, train=train)[-1]
        identity = jnp.eye(3).reshape(-1)
        entries = nn.Dense(
            len(free),
            precision=jax.lax.Precision.HIGHEST,  # these are positions
            kernel_init=nn.initializers.zeros,
            bias_init=lambda *_: identity[free],
            name="entries",
        )(at_least_float32(smallest).mean((1, 2)))
        rows = jnp.broadcast_to(identity.astype(entries.dtype), (source.shape[0], 9))
        return rows.at[:, free].set(entries).reshape(-1, 3, 3)
