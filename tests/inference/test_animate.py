"""The animate loop against the three verbs, called by hand."""

import itertools

import jax
import numpy as np
import pytest

from tests.inference.samples import pictures
from thf_jax.errors import InputError
from thf_jax.inference.animate import animate
from thf_jax.inference.best_frame import relative_scale
from thf_jax.types import Keypoints

SOURCE = pictures(1, seed=1)[0]
FRAMES = pictures(5, seed=2)


def images(renderings) -> np.ndarray:
    return np.stack([np.asarray(rendering.image) for rendering in renderings])


def by_hand(animator, motions) -> np.ndarray:
    encoded = animator.encode(SOURCE)
    return images(animator.render(encoded, motion) for motion in motions)


def transferred(motion, initial, onto, scale=1.0) -> Keypoints:
    """The relative motion of FOMM, written with NumPy's inverse."""
    jacobian = np.asarray(motion.jacobian) @ np.linalg.inv(initial.jacobian) @ np.asarray(onto.jacobian)
    position = onto.position + scale * (np.asarray(motion.position) - initial.position)
    return Keypoints(position.astype(np.float32), jacobian.astype(np.float32))


def test_the_network_responds_to_what_the_tests_vary(animator):
    """Otherwise every comparison below would hold for a loop that ignores its input."""
    motions = [animator.motion(frame) for frame in FRAMES]
    assert min(np.abs(a.position - b.position).max() for a, b in itertools.pairwise(motions)) > 1e-3
    assert min(np.abs(a - b).max() for a, b in itertools.pairwise(by_hand(animator, motions))) > 1e-3


def test_absolute_motion_is_the_drivers(animator):
    expected = by_hand(animator, [animator.motion(frame) for frame in FRAMES])
    np.testing.assert_allclose(images(animate(animator, SOURCE, FRAMES, relative=False)), expected, atol=1e-6)


def test_relative_motion_is_the_change_since_the_first_frame(animator):
    rest = animator.motion(SOURCE)
    motions = [animator.motion(frame) for frame in FRAMES]
    expected = by_hand(animator, [transferred(motion, motions[0], rest) for motion in motions])
    np.testing.assert_allclose(images(animate(animator, SOURCE, FRAMES)), expected, atol=1e-4)


def test_the_first_frame_of_relative_motion_leaves_the_source_in_its_pose(animator):
    expected = by_hand(animator, [animator.motion(SOURCE)])
    np.testing.assert_allclose(images(animate(animator, SOURCE, FRAMES[:1])), expected, atol=1e-4)


def test_a_given_initial_motion_takes_the_first_frames_place(animator):
    rest, initial = animator.motion(SOURCE), animator.motion(FRAMES[3])
    expected = by_hand(animator, [transferred(animator.motion(frame), initial, rest) for frame in FRAMES])
    np.testing.assert_allclose(images(animate(animator, SOURCE, FRAMES, initial=initial)), expected, atol=1e-4)


def test_adapt_scale_enlarges_the_change_of_position(animator):
    rest = animator.motion(SOURCE)
    motions = [animator.motion(frame) for frame in FRAMES]
    scale = relative_scale(rest, motions[0])
    assert abs(scale - 1) > 0.01
    expected = by_hand(animator, [transferred(motion, motions[0], rest, scale) for motion in motions])
    np.testing.assert_allclose(images(animate(animator, SOURCE, FRAMES, adapt_scale=True)), expected, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"relative": False}, {"adapt_scale": True}, {"smooth": 2.0}])
def test_motions_drive_as_the_pictures_they_came_from(animator, options):
    motions = [jax.tree.map(np.asarray, animator.motion(frame)) for frame in FRAMES]
    from_motions = images(animate(animator, SOURCE, motions, **options))
    np.testing.assert_array_equal(from_motions, images(animate(animator, SOURCE, FRAMES, **options)))


def test_float_pictures_are_the_same_as_bytes(animator):
    floats = images(animate(animator, SOURCE / np.float32(255), FRAMES / np.float32(255)))
    np.testing.assert_allclose(floats, images(animate(animator, SOURCE, FRAMES)), atol=1e-5)


@pytest.mark.parametrize("batch_size", [2, 8])
def test_batches_change_nothing(animator, batch_size):
    batched = images(animate(animator, SOURCE, FRAMES, batch_size=batch_size))
    np.testing.assert_allclose(batched, images(animate(animator, SOURCE, FRAMES)), atol=1e-5)


@pytest.mark.parametrize(("batch_size", "ahead"), [(1, 0), (1, 1), (1, 3), (2, 1)])
def test_frames_are_drawn_as_renderings_are_asked_for(animator, batch_size, ahead):
    """Which also shows that memory is constant: this clip never ends."""
    drawn = itertools.count(1)
    so_far = 0

    def endless():
        nonlocal so_far
        while True:
            so_far = next(drawn)
            yield FRAMES[so_far % len(FRAMES)]

    renderings = animate(animator, SOURCE, endless(), batch_size=batch_size, ahead=ahead)
    assert so_far == 0
    for taken in range(1, 6):
        next(renderings)
        batches = -(-taken // batch_size)
        assert so_far == (batches + ahead) * batch_size


def test_no_frames_give_no_renderings(animator):
    assert list(animate(animator, SOURCE, [])) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"yaw": 20}, "the option yaw is for models of face_vid2vid and liveportrait; this is one of fomm"),
        ({"mode": "avd"}, "the option mode is for models of mraa"),
        ({"adapt_variance": True}, "the option adapt_variance is for models of monkey_net"),
        ({"relative": False, "adapt_scale": True}, "adapt_scale, adapt_variance and initial shape relative motion"),
        ({"batch_size": 0}, "batch_size is 1 or more"),
        ({"smooth": -1.0}, "0 or more, not -1.0"),
        ({"smooth": float("nan")}, "0 or more, not nan"),
    ],
)
def test_wrong_options_are_refused_before_any_frame_is_drawn(animator, options, sentence):
    with pytest.raises(InputError, match=sentence):
        animate(animator, SOURCE, iter([]), **options)


def test_a_misspelt_option_is_a_type_error_that_names_the_nearest(animator):
    with pytest.raises(TypeError, match="'adapt_scales'; did you mean 'adapt_scale'"):
        animate(animator, SOURCE, FRAMES, adapt_scales=True)


@pytest.mark.parametrize(
    "motion",
    [
        Keypoints(np.zeros((3, 2), np.float32), np.zeros((3, 2, 2), np.float32)),
        Keypoints(np.zeros((4, 2), np.float32)),
    ],
)
def test_motion_that_does_not_fit_the_model_is_refused(animator, motion):
    with pytest.raises(InputError, match="this fomm model moves by Keypoints"):
        next(animate(animator, SOURCE, [motion]))
