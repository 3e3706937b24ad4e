"""What stays fixed during a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import optax
from flax import linen as nn
from jaxtyping import Array, PRNGKeyArray

from thf_jax.losses.adversarial import GAMES, Game
from thf_jax.nn.named_axis import AxisName
from thf_jax.ops.rotation import PUBLISHED_PI
from thf_jax.training.precision import Wrap, in_float32

Augment = Callable[[PRNGKeyArray, dict[str, Array]], dict[str, Array]]

RENDERED = ("reconstruction", "perceptual", "identity", "adversarial", "feature_matching")
"""Terms that look at the source in the pose of the driving frame."""
EQUIVARIANCE = ("equivariance_position", "equivariance_jacobian")
POSED = (*EQUIVARIANCE, "keypoint_prior", "depth_prior")
"""Terms that look at keypoints where they are in a frame."""
DISENTANGLED = ("avd_position", "avd_jacobian")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What stays fixed during a run: the modules, the optimisers, the loss weights.

    Attributes:
        weights: one number for each term of `step.generator_terms`.
        perceptual, identity: the networks of the losses of these names; their variables are an argument of the step.
        scales: of the perceptual loss's image pyramid.
        discriminator: None trains without the adversarial terms.
        game: what it and the generator minimise.
        condition_on_keypoints: whether the discriminator also sees heat-maps of the driving keypoints.
        detach_keypoints: whether the generator's loss leaves those keypoints alone (FOMM) or trains the detector
            through them (Monkey-Net). The discriminator's own loss never does.
        heatmap_variance, heatmap_gain: of those heat-maps, see `models.dense_motion.DenseMotion`.
        matching: the weight of each of the discriminator's blocks, scale by scale, in feature matching; None: 1 each.
        sigma_affine, sigma_spline, spline_points: of the random deformation of the equivariance losses.
        align_corners: how that deformation reads its grid.
        rotation_order, pi: how angles of a head make a rotation, see `ops.rotation.rotation_matrix`.
        axis_swap: whether Jacobians are known up to their sign, see `ops.motion.unswapped`.
        pose_scale: AVD learns from poses stretched by factors in [1 - pose_scale, 1 + pose_scale].
        augment: (key, an example's images in [0, 1] by name) -> the same; applied on the device.
        computed: wraps every function that runs networks: in what type, see `precision`, and what is recomputed for the
            gradient, see `remat`.
        accumulate: the number of micro-batches of a step, see `accumulate.accumulate`.
        average: the decay of the animator's averaged parameters, see `average.moved_average`; 0: there are none.
        skip_nonfinite: whether a step with a loss or gradient that is not finite changes only the count of steps, see
            `nonfinite.skip_nonfinite`.
        axis_name: of the devices, where the step is mapped over them, see `step.train_step`.
    """

    module: nn.Module
    optimizer: optax.GradientTransformation
    weights: Mapping[str, float]
    perceptual: nn.Module | None = None
    scales: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    identity: nn.Module | None = None
    discriminator: nn.Module | None = None
    discriminator_optimizer: optax.GradientTransformation | None = None
    game: Game = GAMES["least_squares"]
    condition_on_keypoints: bool = False
    detach_keypoints: bool = True
    heatmap_variance: float = 0.01
    heatmap_gain: float = 1.0
    matching: tuple[float, ...] | None = None
    sigma_affine: float = 0.05
    sigma_spline: float = 0.005
    spline_points: int = 5
    align_corners: bool = True
    rotation_order: str = "pitch_yaw_roll"
    pi: float = PUBLISHED_PI
    axis_swap: bool = False
    pose_scale: float = 0.25
    augment: Augment | None = None
    computed: Wrap = in_float32
    accumulate: int = 1
    average: float = 0.0
    skip_nonfinite: bool = False
    axis_name: AxisName | None = None

    def asks_for(self, *terms: str) -> bool:
        """Whether one of these terms has a weight."""
        return any(self.weights[name] != 0 for name in terms)
