"""The keypoint detector: where the moving parts are, and how each is stretched and turned."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from thf_jax.errors import InputError, nearest
from thf_jax.nn.hourglass import Hourglass
from thf_jax.nn.layers import Conv
from thf_jax.ops.filtering import shrink
from thf_jax.ops.keypoints import expected_position, expected_values, heatmap_covariance, heatmaps_from_logits
from thf_jax.ops.linalg2 import principal_axes, product, smallest_singular_value
from thf_jax.types import Keypoints

JACOBIANS = ("each", "shared", "principal_axes")
COVARIANCES = ("heatmap", "isotropic", "jacobian")


def _identity_jacobians(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
    return jnp.tile(jnp.array([1, 0, 0, 1], dtype), shape[0] // 4)


class KeypointDetector(nn.Module):
    """Keypoints of frames [b h w 3] by soft-argmax over an hourglass's heat-maps (FOMM, section 3.1).

    Args:
        count: the number of keypoints.
        width, depth, most: of the hourglass.
        scale: the frame is down-sampled by it first.
        antialias: whether it is blurred before that (FOMM, MRAA) or every n-th pixel is taken as it is (Monkey-Net).
        temperature: of the softmax over each heat-map.
        floor: added to every pixel of a heat-map after the softmax (Monkey-Net: 1e-7).
        jacobians: `each` (one map a keypoint), `shared` (one for all), `principal_axes` (those of the heat-map's
            covariance: MRAA, section 3.2) or None (zeroth order, no Jacobian at all).
        covariance: of the keypoints, for heat-maps of their own width: `heatmap` (how far it spreads), `isotropic` (its
            mean over x and y: Monkey-Net's variance `single`), `jacobian` (J J^T) or None.
        smallest_variance: a covariance whose smallest singular value is below it is enlarged as a whole (Monkey-Net).
        head, padding: of the convolutions that make the maps. With a padding of 0 a heat-map of 7 x 7 heads is 6 pixels
            smaller than the features, and spans [-1, 1] all the same.

    Raises:
        InputError: `jacobians` or `covariance` is something else, or asks for Jacobians that there are none of.
    """

    count: int = 10
    width: int = 32
    depth: int = 5
    most: int = 1024
    scale: float = 0.25
    antialias: bool = True
    temperature: float = 0.1
    floor: float = 0.0
    jacobians: str | None = "each"
    covariance: str | None = None
    smallest_variance: float = 0.0
    head: int = 7
    padding: int = 0

    @nn.compact
    def __call__(self, frame: Float[Array, "b h w 3"], *, train: bool = False) -> Keypoints:
        self._check()
        small = jax.vmap(lambda image: shrink(image, self.scale, antialias=self.antialias))(frame)
        features = Hourglass(self.width, self.depth, self.most, name="hourglass")(small, train=train)
        logits, maps = self._maps(features)
        heatmaps = jax.vmap(lambda x: heatmaps_from_logits(x, temperature=self.temperature, floor=self.floor))(logits)
        position = jax.vmap(expected_position)(heatmaps)
        spread = jax.vmap(heatmap_covariance)(heatmaps, position)
        jacobian = self._jacobian(maps, heatmaps, spread)
        return Keypoints(position, jacobian, self._covariance(jacobian, spread))

    def _check(self) -> None:
        for entry, known in {"jacobians": JACOBIANS, "covariance": COVARIANCES}.items():
            if (value := getattr(self, entry)) not in (*known, None):
                raise InputError(f"a detector's {entry} cannot be {value!r}{nearest(str(value), known)}, or None")
        if self.covariance == "jacobian" and self.jacobians is None:
            raise InputError("a detector without jacobians has no covariance of theirs: take 'heatmap' or None")

    def _maps(self, features: Array) -> tuple[Array, Array | None]:
        """The heat-maps' logits, and where the detector predicts Jacobians, their maps."""
        head = functools.partial(Conv, size=self.head, padding=self.padding, precise_result=True)
        logits = head(self.count, bias_cancels=True, name="heatmaps")
        if self.jacobians not in ("each", "shared"):
            return logits(features), None
        jacobians = head(
            4 * (self.count if self.jacobians == "each" else 1),
            kernel_init=nn.initializers.zeros,
            bias_init=_identity_jacobians,
            name="jacobians",
        )
        return logits.beside(jacobians, features)

    def _jacobian(self, maps: Array | None, heatmaps: Array, spread: Array) -> Array | None:
        if self.jacobians == "principal_axes":
            return principal_axes(spread)
        if maps is None:
            return None
        if self.jacobians == "shared":
            maps = jnp.tile(maps, self.count)
        values = jax.vmap(expected_values)(heatmaps, maps)
        return values.reshape(*values.shape[:2], 2, 2)

    def _covariance(self, jacobian: Array | None, spread: Array) -> Array | None:
        if self.covariance is None:
            return None
        if self.covariance == "jacobian" and jacobian is not None:
            return product(jacobian, jacobian.mT)
        if self.covariance == "isotropic":
            mean = (spread[..., 0, 0] + spread[..., 1, 1]) / 2
            spread = mean[..., None, None] * jnp.eye(2, dtype=spread.dtype)
        if not self.smallest_variance:
            return spread
        smallest = smallest_singular_value(spread)
        return spread * (jnp.maximum(self.smallest_variance, smallest) / smallest)[..., None, None]
