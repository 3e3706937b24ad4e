"""Face vid2vid's loss terms against NumPy, and where their gradients go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn.samples import numbers
from thf_jax.losses import head_terms, terms
from thf_jax.nn.discriminator import MultiScaleDiscriminator, PatchDiscriminator
from thf_jax.ops.filtering import downsample
from thf_jax.ops.rotation import rotation_matrix
from thf_jax.ops.splines import Deformation, deform_points
from thf_jax.types import HeadMotion, Keypoints

SCORES = [numbers(2, 3, 3, 1, seed=1), numbers(2, 5, 4, 1, seed=2)]
FAKES = [numbers(2, 3, 3, 1, seed=3), numbers(2, 5, 4, 1, seed=4)]
ANGLES = np.array([[10.0, -5.0, 3.0], [-40.0, 20.0, -15.0]], np.float32)


def heads(angles=ANGLES, order: str = "pitch_yaw_roll", pi: float = 3.14) -> HeadMotion:
    rotation = rotation_matrix(*jnp.asarray(angles.T), order=order, pi=pi)
    return HeadMotion(rotation, numbers(2, 3), numbers(2, 5, 3, seed=5))


def test_the_hinge_losses_sum_over_scales():
    reals, fakes = ([np.asarray(x, np.float64) for x in maps] for maps in (SCORES, FAKES))
    assert head_terms.hinge_generator(FAKES) == pytest.approx(-sum(x.mean() for x in fakes), rel=1e-5)
    expected = sum(
        np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean() for real, fake in zip(reals, fakes, strict=True)
    )
    assert head_terms.hinge_discriminator(SCORES, FAKES) == pytest.approx(expected, rel=1e-5)


def test_the_hinge_ends_where_the_discriminator_is_sure():
    slope = jax.grad(lambda x: head_terms.hinge_discriminator([x], [-x]))(jnp.array([2.0, 0.5]).reshape(1, 2, 1, 1))
    np.testing.assert_allclose(slope.ravel(), [0, -1], atol=1e-6)


def test_the_head_pose_loss_is_in_degrees():
    labels = ANGLES + np.array([[1, -2, 3], [0, 4, 0]], np.float32)
    loss = head_terms.head_pose(heads(), jnp.asarray(labels))
    assert loss == pytest.approx((1 + 2 + 3 + 0 + 4 + 0) / 2, abs=1e-3)
    older = heads(order="roll_pitch_yaw", pi=np.pi)
    assert head_terms.head_pose(older, jnp.asarray(ANGLES), order="roll_pitch_yaw", pi=np.pi) < 1e-3
    assert head_terms.head_pose(older, jnp.asarray(ANGLES)) > 1


def test_the_head_pose_losss_slope_is_that_of_the_angles():
    """In a batch of two each angle's slope is its sign over 2, as if angles had never been a matrix."""
    labels = jnp.asarray(ANGLES + np.array([[1, -2, 3], [-5, 4, 2]], np.float32))

    def loss(angles, labels):
        rotation = rotation_matrix(*angles.T, pi=3.14)
        return head_terms.head_pose(HeadMotion(rotation, numbers(2, 3), numbers(2, 5, 3)), labels)

    to_angles, to_labels = jax.grad(loss, argnums=(0, 1))(jnp.asarray(ANGLES), labels)
    np.testing.assert_allclose(to_angles, np.array([[-1, 1, -1], [1, -1, -1]]) / 2, atol=1e-3)
    assert not np.asarray(to_labels).any()


def test_the_deformation_prior_sums_all_numbers_of_an_expression():
    motion = heads()
    expected = np.abs(np.asarray(motion.expression)).sum((1, 2)).mean()
    assert head_terms.deformation_prior(motion) == pytest.approx(expected, rel=1e-5)


def test_the_keypoint_prior_of_the_paper_is_that_of_pairs_and_that_of_depth():
    """The original's sum takes each keypoint with itself as well, a constant 0.1 each."""
    position = np.asarray(numbers(2, 5, 3, seed=6)) * 0.3
    total = 0.0
    for points in position:
        for first in points:
            for second in points:
                total += max(0.0, 0.1 - ((first - second) ** 2).sum()) / 2
        total += abs(points[:, 2].mean() - 0.33) / 2
    found = terms.keypoint_prior(Keypoints(jnp.asarray(position))) + head_terms.depth_prior(
        Keypoints(jnp.asarray(position))
    )
    assert found + 5 * 0.1 == pytest.approx(total, rel=1e-4)


def test_equivariance_compares_x_and_y_of_keypoints_in_3_d():
    deformation = Deformation(jnp.tile(jnp.eye(2, 3), (2, 1, 1)) + 0.1, jnp.full((2, 25), 0.01))
    driving, transformed = (numbers(2, 4, 3, seed=seed) for seed in (7, 8))
    mapped = np.stack(
        [deform_points(jax.tree.map(lambda x, row=row: x[row], deformation), transformed[row, :, :2]) for row in (0, 1)]
    )
    found = terms.equivariance_position(Keypoints(driving), deformation, Keypoints(transformed))
    assert found == pytest.approx(np.abs(np.asarray(driving)[..., :2] - mapped).mean(), rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        lambda motion: head_terms.deformation_prior(motion),
        lambda motion: head_terms.depth_prior(Keypoints(motion.expression)),
        lambda motion: head_terms.hinge_generator([motion.expression[..., None]]),
    ],
    ids=["deformation", "depth", "hinge"],
)
def test_a_loss_is_float32_where_activations_are_of_half(loss):
    value = loss(jax.tree.map(lambda x: x.astype(jnp.bfloat16), heads()))
    assert value.dtype == jnp.float32 and value.shape == ()


def test_a_discriminator_of_several_scales_is_one_of_each():
    image = numbers(1, 16, 16, 3)
    judge = MultiScaleDiscriminator((1.0, 0.5), width=2, depth=1)
    variables = jax.jit(lambda x: judge.init(jax.random.key(0), x, train=False))(image)
    judged = judge.apply(variables, image, train=False)
    assert len(judged) == 2
    for index, picture in enumerate((image, downsample(image[0], 0.5)[None])):
        alone = PatchDiscriminator(2, 1)
        score, features = alone.apply({"params": variables["params"][f"scale{index}"]}, picture, train=False)
        np.testing.assert_allclose(judged[index][0], score, atol=1e-5)
        np.testing.assert_allclose(judged[index][1][0], features[0], atol=1e-5)
