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

ANGLES = np.array([[10.0, -5.0, 3.0], [-40.0, 20.0, -15.0]], np.float32)


def heads(angles=ANGLES, order: str = "pitch_yaw_roll", pi: float = 3.14) -> HeadMotion:
    rotation = rotation_matrix(*jnp.asarray(angles.T), order=order, pi=pi)
    return HeadMotion(rotation, numbers(2, 3), numbers(2, 5, 3, seed=5))


def test_the_head_pose_loss_is_in_degrees():
    labels = ANGLES + np.array([[1, -2, 3], [0, 4, 0]], np.float32)
    loss = head_terms.head_pose(heads(), jnp.asarray(labels))
    assert loss == pytest.approx((1 + 2 + 3 + 0 + 4 + 0) / 2, abs=1e-3)
    older = heads(order="roll_pitch_yaw", pi=np.pi)
    assert head_terms.head_pose(older, jnp.asarray(ANGLES), order="roll_pitch_yaw", pi=np.pi) < 1e-3
    assert head_terms.head_pose(older, jnp.asarray(ANGLES)) > 1


@pytest.mark.parametrize("angles", [(95, 0, 0), (-97, 5, -3), (0, 0, 179.5)])
def test_a_perfect_pose_costs_nothing_far_from_the_front(angles):
    degrees = jnp.asarray([angles, angles], jnp.float32)
    motion = HeadMotion(rotation_matrix(*degrees.T, pi=3.14), numbers(2, 3), numbers(2, 5, 3))
    assert head_terms.head_pose(motion, degrees) < 0.05
    assert head_terms.head_pose(motion, degrees + jnp.array([0, 0, 1.5])) == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize(("ours", "label"), [(92, 88), (88, 92), (-88, -92), (96, 93), (86, 88)])
@pytest.mark.parametrize(("order", "middle"), [("pitch_yaw_roll", 0), ("roll_pitch_yaw", 1)])
def test_a_head_in_profile_is_no_turn_away_from_one_a_little_further(ours, label, order, middle):
    """Read back from a rotation, a middle angle of 92 is 88, and the outer ones are half a turn off."""

    def loss(angle):
        degrees = jnp.zeros((1, 3)).at[:, middle].set(angle)
        motion = HeadMotion(rotation_matrix(*degrees.T, order=order, pi=np.pi), numbers(1, 3), numbers(1, 5, 3))
        return head_terms.head_pose(motion, jnp.zeros((1, 3)).at[:, middle].set(label), order=order, pi=np.pi)

    value, slope = jax.value_and_grad(loss)(jnp.float32(ours))
    assert value == pytest.approx(abs(ours - label), abs=0.01)
    assert slope == pytest.approx(np.sign(ours - label), abs=0.01)


def test_frames_without_a_label_do_not_count():
    labels = jnp.array([[np.nan, np.nan, np.nan], [-40, 24, -15]], jnp.float32)
    loss, slope = jax.value_and_grad(lambda motion: head_terms.head_pose(motion, labels))(heads())
    assert loss == pytest.approx(4, abs=1e-3)
    assert np.isfinite(slope.rotation).all() and not np.asarray(slope.rotation)[0].any()
    assert head_terms.head_pose(heads(), jnp.full((2, 3), jnp.nan)) == 0


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
    ],
    ids=["deformation", "depth"],
)
def test_a_loss_is_float32_where_activations_are_of_half(loss):
    value = loss(jax.tree.map(lambda x: x.astype(jnp.bfloat16), heads()))
    assert value.dtype == jnp.float32 and value.shape == ()


@pytest.mark.parametrize("heatmaps", [None, numbers(1, 16, 16, 2, seed=9)], ids=["alone", "heatmaps"])
def test_a_discriminator_of_several_scales_is_one_of_each(heatmaps):
    image = numbers(1, 16, 16, 3)
    judge = MultiScaleDiscriminator((1.0, 0.5), width=2, depth=1)
    variables = jax.jit(lambda x: judge.init(jax.random.key(0), x, heatmaps, train=False))(image)
    judged = judge.apply(variables, image, heatmaps, train=False)
    assert len(judged) == 2
    for index, scale in enumerate((1.0, 0.5)):
        picture, maps = (None if x is None else downsample(x[0], scale)[None] for x in (image, heatmaps))
        alone = PatchDiscriminator(2, 1)
        score, features = alone.apply({"params": variables["params"][f"scale{index}"]}, picture, maps, train=False)
        np.testing.assert_allclose(judged[index][0], score, atol=1e-5)
        np.testing.assert_allclose(judged[index][1][0], features[0], atol=1e-5)
