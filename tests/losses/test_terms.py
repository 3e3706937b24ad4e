"""Every loss term against NumPy, and where no gradient may flow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from thf_jax.losses import terms
from thf_jax.ops.splines import Deformation
from thf_jax.types import Keypoints


def numbers(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, shape), jnp.float32)


def keypoints(seed: int) -> Keypoints:
    return Keypoints(numbers(2, 3, 2, seed=seed), numbers(2, 3, 2, 2, seed=seed + 1) * 0.4 + jnp.eye(2))


DRIVING, TRANSFORMED = keypoints(1), keypoints(3)
AFFINE = jnp.stack([jnp.eye(2, 3)] * 2) + 0.2 * numbers(2, 2, 3, seed=5)
DEFORMATION = Deformation(AFFINE, jnp.zeros((2, 9)))
PREDICTION, TARGET = numbers(2, 8, 4, 3), numbers(2, 8, 4, 3, seed=1)


def test_reconstruction_is_the_mean_absolute_difference():
    expected = np.abs(np.asarray(PREDICTION) - np.asarray(TARGET)).mean()
    assert terms.reconstruction(PREDICTION, TARGET) == pytest.approx(expected, rel=1e-5)


def two_layers(images):
    return [images, 3 * images[..., :1] ** 2]


def test_perceptual_sums_over_scales_and_layers():
    def halved(x):
        blurred = scipy.ndimage.gaussian_filter(
            np.asarray(x, np.float64), (0, 0.5, 0.5, 0), mode="constant", truncate=4
        )
        return blurred[:, ::2, ::2]

    pairs = [(np.asarray(PREDICTION), np.asarray(TARGET)), (halved(PREDICTION), halved(TARGET))]
    expected = sum(np.abs(x - y).mean() + np.abs(3 * (x**2 - y**2)[..., 0]).mean() for x, y in pairs)
    actual = jax.jit(lambda x, y: terms.perceptual(two_layers, x, y, scales=(1.0, 0.5)))(PREDICTION, TARGET)
    assert actual == pytest.approx(expected, rel=1e-5)


def test_perceptual_sends_no_gradient_into_the_target():
    def loss(prediction, target):
        return terms.perceptual(two_layers, prediction, target, scales=(1.0, 0.5))

    to_prediction, to_target = jax.jit(jax.grad(loss, argnums=(0, 1)))(PREDICTION, TARGET)
    assert np.abs(to_prediction).min() > 0
    assert not np.asarray(to_target).any()


def test_perceptual_sends_no_gradient_into_the_target_through_the_network_either():
    """A weight of the network is pulled by the prediction's features alone."""

    def loss(weight):
        return terms.perceptual(lambda x: [weight * x], PREDICTION, TARGET, scales=(1.0,))

    signs = np.sign(np.asarray(PREDICTION) - np.asarray(TARGET))
    assert jax.grad(loss)(jnp.float32(1.0)) == pytest.approx((signs * np.asarray(PREDICTION)).mean(), rel=1e-4)


@jax.jit
def equivariance(driving: Keypoints, transformed: Keypoints) -> tuple[jax.Array, jax.Array]:
    """Of positions, and of Jacobians."""
    position = terms.equivariance_position(driving, DEFORMATION, transformed)
    return position, terms.equivariance_jacobian(driving, DEFORMATION, transformed)


def test_equivariance_is_the_difference_once_mapped_back():
    affine, outer = np.asarray(AFFINE, np.float64), np.asarray(AFFINE, np.float64)[:, None, :, :2]
    mapped = np.einsum("bij,bkj->bki", affine[..., :2], TRANSFORMED.position) + affine[:, None, :, 2]
    product = np.linalg.inv(np.asarray(DRIVING.jacobian, np.float64)) @ outer @ np.asarray(TRANSFORMED.jacobian)
    position, jacobian = equivariance(DRIVING, TRANSFORMED)
    assert position == pytest.approx(np.abs(np.asarray(DRIVING.position) - mapped).mean(), rel=1e-5)
    assert jacobian == pytest.approx(np.abs(product - np.eye(2)).mean(), rel=1e-4)


def test_equivariance_is_0_for_keypoints_that_move_with_the_image():
    affine, moved = np.asarray(AFFINE), np.asarray(TRANSFORMED.position)
    mapped = np.einsum("bij,bkj->bki", affine[..., :2], moved) + affine[:, None, :, 2]
    turned = affine[:, None, :, :2] @ np.asarray(TRANSFORMED.jacobian)
    position, jacobian = equivariance(Keypoints(jnp.asarray(mapped), jnp.asarray(turned)), TRANSFORMED)
    assert position == pytest.approx(0, abs=1e-6)
    assert jacobian == pytest.approx(0, abs=1e-5)


def test_equivariance_trains_both_sides():
    gradient = jax.jit(jax.grad(lambda *both: sum(equivariance(*both)), argnums=(0, 1)))
    for leaf in jax.tree.leaves(gradient(DRIVING, TRANSFORMED)):
        assert np.abs(leaf).max() > 1e-3


@jax.jit
def swapped(driving: Keypoints, transformed: Keypoints) -> jax.Array:
    return terms.equivariance_jacobian(driving, DEFORMATION, transformed, axis_swap=True)


def test_with_an_axis_swap_the_sign_of_a_jacobian_counts_for_nothing():
    signs = jnp.asarray(np.random.default_rng(6).choice([-1.0, 1.0], (2, 2, 3, 1, 1)), jnp.float32)
    flipped = [x.replace(jacobian=x.jacobian * sign) for x, sign in zip((DRIVING, TRANSFORMED), signs, strict=True)]
    outer = np.asarray(AFFINE, np.float64)[:, None, :, :2]
    change = np.linalg.inv(np.asarray(DRIVING.jacobian, np.float64)) @ outer @ np.asarray(TRANSFORMED.jacobian)
    expected = np.abs(change * np.sign(change[..., :1, :1]) - np.eye(2)).mean()
    assert swapped(DRIVING, TRANSFORMED) == pytest.approx(expected, rel=1e-4)
    assert swapped(*flipped) == pytest.approx(expected, rel=1e-4)
    assert abs(equivariance(*flipped)[1] - equivariance(DRIVING, TRANSFORMED)[1]) > 0.1


@pytest.mark.parametrize("without", ["driving", "transformed", "both"])
def test_without_jacobians_their_term_is_0(without):
    driving = DRIVING if without == "transformed" else DRIVING.replace(jacobian=None)
    transformed = TRANSFORMED if without == "driving" else TRANSFORMED.replace(jacobian=None)
    assert terms.equivariance_jacobian(driving, DEFORMATION, transformed) == 0


def test_the_keypoint_prior_sums_the_shortfall_of_every_ordered_pair():
    position = jnp.array([[[0.0, 0.0], [0.1, 0.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.2], [0.3, 0.2]]])
    pairs = [[0.01, 2.0, 1.81], [0.04, 0.13, 0.09]]  # squared distances
    expected = np.mean([2 * sum(max(0, 0.1 - square) for square in squares) for squares in pairs])
    assert terms.keypoint_prior(Keypoints(position)) == pytest.approx(expected, rel=1e-5)
    wider = np.mean([2 * sum(max(0, 0.5 - square) for square in squares) for squares in pairs])
    assert terms.keypoint_prior(Keypoints(position), least_square=0.5) == pytest.approx(wider, rel=1e-5)


def test_the_keypoint_prior_pushes_close_keypoints_apart():
    gradient = jax.jit(jax.grad(lambda x: terms.keypoint_prior(Keypoints(x))))
    slope = gradient(jnp.array([[[0.0, 0.0], [0.1, 0.0], [1.0, 1.0]]]))
    assert slope[0, 0, 0] > 0 > slope[0, 1, 0]
    assert not np.asarray(slope)[0, 2].any()
    assert np.isfinite(gradient(jnp.zeros((1, 3, 2)))).all()


def test_feature_matching_sums_over_blocks():
    real, fake = ([numbers(2, 4, 4, 2, seed=seed), numbers(2, 2, 2, 5, seed=seed + 1)] for seed in (9, 11))
    expected = sum(np.abs(np.asarray(x) - np.asarray(y)).mean() for x, y in zip(real, fake, strict=True))
    assert terms.feature_matching(real, fake) == pytest.approx(expected, rel=1e-5)
    to_real, to_fake = jax.jit(jax.grad(terms.feature_matching, argnums=(0, 1)))(real, fake)
    assert all(np.abs(x).min() > 0 for x in to_fake)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, -b), to_real, to_fake)


def test_what_the_discriminator_is_shown_beside_both_pictures_cancels_in_feature_matching():
    """Features that are linear in the keypoints change alike, and so the keypoints get no gradient."""
    real, fake = numbers(2, 4, 4, 2, seed=9), numbers(2, 4, 4, 2, seed=11)
    slope = jax.grad(lambda shown: terms.feature_matching([real + 2 * shown], [fake + 2 * shown]))(jnp.float32(0.5))
    assert slope == 0


def test_feature_matching_weighs_each_block():
    real, fake = ([numbers(2, 4, 4, 2, seed=seed), numbers(2, 2, 2, 5, seed=seed + 1)] for seed in (9, 11))
    first, second = (np.abs(np.asarray(x) - np.asarray(y)).mean() for x, y in zip(real, fake, strict=True))
    weighed = terms.feature_matching(real, fake, weights=(1.0, 0.1))
    assert weighed == pytest.approx(first + 0.1 * second, rel=1e-5)


def test_lists_of_other_lengths_are_a_mistake():
    with pytest.raises(ValueError, match="zip"):
        terms.feature_matching([PREDICTION], [PREDICTION, TARGET])
    with pytest.raises(ValueError, match="zip"):
        terms.feature_matching([PREDICTION], [TARGET], weights=(1.0, 1.0))


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: terms.reconstruction(x, -x),
        lambda x: terms.perceptual(two_layers, x, -x, scales=(1.0,)),
        lambda x: terms.feature_matching([x], [-x]),
        lambda x: terms.keypoint_prior(Keypoints(x[:, :, 0, :2])),
    ],
    ids=["reconstruction", "perceptual", "feature_matching", "prior"],
)
def test_a_loss_is_float32_where_activations_are_of_half(loss):
    value = loss(PREDICTION.astype(jnp.bfloat16))
    assert value.dtype == jnp.float32 and value.shape == () and np.isfinite(value)
