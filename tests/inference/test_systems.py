"""What single systems can do beyond the common animation: AVD and a moving background, adapted variances."""

import jax
import numpy as np
import pytest

from tests.inference.samples import pictures, tiny_animator
from thf_jax.errors import InputError
from thf_jax.evaluation import protocol
from thf_jax.inference.animate import animate
from thf_jax.models.animator import Animator

SOURCE, FRAMES = pictures(1, seed=1)[0], pictures(3, seed=2)


@pytest.fixture(scope="module")
def mraa() -> Animator:
    return tiny_animator("mraa")


@pytest.fixture(scope="module")
def monkey_net() -> Animator:
    return tiny_animator("monkey_net")


def images(renderings) -> np.ndarray:
    return np.stack([np.asarray(rendering.image) for rendering in renderings])


def rendered(animator, motions) -> np.ndarray:
    encoded = animator.encode(SOURCE)
    return images(animator.render(encoded, motion) for motion in motions)


def far(first, second) -> bool:
    return np.abs(np.asarray(first) - np.asarray(second)).max() > 1e-3


def test_avd_puts_the_source_into_every_pose(mraa):
    rest = mraa.motion(SOURCE)
    combined = [mraa.combine(rest, mraa.motion(frame)) for frame in FRAMES]
    found = images(animate(mraa, SOURCE, FRAMES, mode="avd"))
    np.testing.assert_allclose(found, rendered(mraa, combined), atol=1e-5)
    assert far(found, images(animate(mraa, SOURCE, FRAMES, relative=False)))
    assert far(combined[0].position, combined[1].position)  # the pose counts,
    other = mraa.combine(mraa.motion(FRAMES[2]), mraa.motion(FRAMES[0]))
    assert far(combined[0].position, other.position)  # and so does the person


def test_avd_takes_motions_and_batches(mraa):
    expected = images(animate(mraa, SOURCE, FRAMES, mode="avd"))
    motions = [jax.tree.map(np.asarray, mraa.motion(frame)) for frame in FRAMES]
    np.testing.assert_array_equal(images(animate(mraa, SOURCE, motions, mode="avd")), expected)
    rest = mraa.motion(SOURCE)
    together = mraa.combine(rest, mraa.motion(FRAMES))
    for row, frame in enumerate(FRAMES):
        alone = mraa.combine(rest, mraa.motion(frame))
        jax.tree.map(lambda a, b, row=row: np.testing.assert_allclose(a[row], b, atol=1e-4), together, alone)


def test_the_background_moves_as_measured_since_the_source(mraa):
    motions = [mraa.motion(frame, source=SOURCE) for frame in FRAMES]
    assert far(motions[0].background, motions[1].background)
    found = images(animate(mraa, SOURCE, FRAMES, relative=False, background=True))
    np.testing.assert_allclose(found, rendered(mraa, motions), atol=1e-5)
    assert far(found, images(animate(mraa, SOURCE, FRAMES, relative=False)))
    # Relative motion is for another person before another background, which stands still.
    relative = images(animate(mraa, SOURCE, FRAMES, background=True))
    np.testing.assert_allclose(relative, images(animate(mraa, SOURCE, FRAMES)), atol=1e-5)


def test_reconstruction_is_scored_with_the_background(mraa):
    with jax.numpy_dtype_promotion("standard"):  # dm_pix divides floats by integers
        score = protocol.reconstruct(mraa, "clip", iter([SOURCE, *FRAMES]))
    frames = np.stack([SOURCE, *FRAMES]) / np.float32(255)
    motions = [mraa.motion(frame, source=SOURCE) for frame in (SOURCE, *FRAMES)]
    assert score.model["l1"] == pytest.approx(np.abs(rendered(mraa, motions) - frames).mean(), rel=1e-4)
    still = images(animate(mraa, SOURCE, [SOURCE, *FRAMES], relative=False))
    assert abs(score.model["l1"] - np.abs(still - frames).mean()) > 1e-5


def test_an_adapted_variance_is_another_picture(monkey_net):
    rest, motions = monkey_net.motion(SOURCE), [monkey_net.motion(frame) for frame in FRAMES]
    assert far(rest.covariance, motions[1].covariance)
    for adapt in (False, True):
        moved = [motion.transfer(motions[0], rest, adapt_variance=adapt) for motion in motions]
        found = images(animate(monkey_net, SOURCE, FRAMES, adapt_variance=adapt))
        np.testing.assert_allclose(found, rendered(monkey_net, moved), atol=1e-4)
    adapted = motions[1].transfer(motions[0], rest, adapt_variance=True)
    assert far(adapted.covariance, motions[1].covariance)


@pytest.mark.parametrize(
    ("system", "options", "sentence"),
    [
        ("mraa", {"mode": "avd", "background": True}, "with mode='avd' the background stands still"),
        ("mraa", {"mode": "standard"}, "mode is 'avd' or left out, not 'standard'"),
        ("mraa", {"mode": "avd", "adapt_scale": True}, "shape relative motion: leave them out"),
        ("mraa", {"adapt_variance": True}, "the option adapt_variance is for models of monkey_net"),
        ("monkey_net", {"relative": False, "adapt_variance": True}, "adapt_variance .* shape relative motion"),
        ("monkey_net", {"background": True}, "the option background is for models of mraa"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_sentence(system, options, sentence, mraa, monkey_net):
    with pytest.raises(InputError, match=sentence):
        animate({"mraa": mraa, "monkey_net": monkey_net}[system], SOURCE, iter([]), **options)


def test_a_model_without_the_part_says_so(mraa):
    without = Animator("mraa", mraa.size, {**mraa.settings, "background": None, "avd": None}, mraa.variables)
    assert mraa.measures_background and not without.measures_background
    with pytest.raises(InputError, match="no AVD network: choose the standard or the relative mode"):
        without.combine(None, None)
    with pytest.raises(InputError, match="does not measure the background's motion: leave source out"):
        without.motion(FRAMES[0], source=SOURCE)


def test_a_motion_file_cannot_tell_how_the_background_moves(mraa):
    """Its motions were measured without this source; pictures are needed."""
    motion = mraa.motion(FRAMES[0])
    with pytest.raises(InputError, match="give the frames themselves, not motions"):
        list(animate(mraa, SOURCE, [motion], relative=False, background=True))
