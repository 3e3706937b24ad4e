"""The verbs as users call them: any picture, one or many."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import SIZE, pictures, tiny_animator
from thf_jax.errors import InputError
from thf_jax.models import animator as module_under_test
from thf_jax.models.animator import Animator, as_images
from thf_jax.ops.filtering import area_resize
from thf_jax.types import Keypoints

SOURCE, FRAMES = pictures(1, seed=1)[0], pictures(3, seed=2)


@pytest.fixture(scope="module")
def animator() -> Animator:
    return tiny_animator()


@pytest.fixture(scope="module")
def motions(animator) -> Keypoints:
    return animator.motion(FRAMES)


@pytest.fixture(scope="module")
def one_by_one(animator) -> list[np.ndarray]:
    """The source moved to each frame's motion alone."""
    encoded = animator.encode(SOURCE)
    return [np.asarray(animator.render(encoded, animator.motion(frame)).image) for frame in FRAMES]


def test_pictures_of_their_own_size_are_left_untouched():
    floats, batched = as_images(FRAMES, SIZE)
    assert batched
    np.testing.assert_allclose(floats, FRAMES / np.float64(255), rtol=1e-6)
    again, _ = as_images(floats, SIZE)
    np.testing.assert_array_equal(again, floats)


def test_a_single_picture_gets_a_batch_axis():
    images, batched = as_images(SOURCE, SIZE)
    assert not batched and images.shape == (1, SIZE, SIZE, 3)


@pytest.mark.parametrize("shape", [(SIZE * 2, SIZE * 2), (48, 20)])
def test_other_sizes_are_resized_by_area(shape):
    large = pictures(2, height=shape[0], width=shape[1])
    images, _ = as_images(large, SIZE)
    expected = area_resize(jnp.asarray(large, jnp.float32) / 255, (SIZE, SIZE))
    np.testing.assert_allclose(images, expected, atol=1e-6)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, jnp.bfloat16, list])
def test_floating_pictures_are_taken_as_they_are(kind):
    floats = np.linspace(0, 1, SIZE * SIZE * 3).reshape(SIZE, SIZE, 3)
    given = floats.tolist() if kind is list else floats.astype(kind)
    images, _ = as_images(given, SIZE)
    assert images.dtype == jnp.float32
    np.testing.assert_allclose(images[0], np.asarray(given, np.float32), atol=1e-7)


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros((32, 32), np.uint8), r"\[h w 3\].*not \[32, 32\]"),
        (np.zeros((32, 32, 4), np.uint8), r"not \[32, 32, 4\]"),
        (np.zeros((3, 32, 32), np.uint8), r"not \[3, 32, 32\]"),
        (np.zeros((2, 2, 32, 32, 3), np.uint8), r"not \[2, 2, 32, 32, 3\]"),
        (np.zeros((0, 32, 32, 3), np.uint8), r"not \[0, 32, 32, 3\]"),
        (np.zeros((32, 0, 3), np.uint8), r"not \[32, 0, 3\]"),
        (np.zeros((32, 32, 3), np.int32), "uint8, or floating between 0 and 1, not int32"),
        (np.zeros((32, 32, 3), bool), "not bool"),
        (np.zeros((32, 32, 3), np.complex64), "not complex64"),
    ],
)
def test_what_is_no_picture_is_refused(animator, pixels, sentence):
    for verb in (animator.encode, animator.motion):
        with pytest.raises(InputError, match=sentence):
            verb(pixels)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (255.0, r"not between 0\.5 and 255; give whole numbers up to 255 as uint8"),
        (1.01, r"not between 0\.5 and 1\.01"),
        (-0.002, r"not between -0\.002 and 0\.5"),
        (np.nan, "finite and between 0 and 1, not between nan and nan"),
        (np.inf, "not between 0.5 and inf"),
    ],
)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, jnp.bfloat16])
def test_floats_beyond_the_range_are_refused(animator, value, sentence, kind):
    pixels = np.full((SIZE, SIZE, 3), 0.5)
    pixels[3, 4, 1] = value
    pixels = pixels.astype(kind)
    sentence = sentence if kind is np.float64 else "is finite and between 0 and 1, not between"
    for verb in (animator.encode, animator.motion, lambda x: as_images(x, SIZE)):
        with pytest.raises(InputError, match=sentence):
            verb(pixels)


def test_rounding_may_reach_a_little_beyond_the_range():
    pixels = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    pixels[0, 0] = -1e-4, 0, 1 + 1e-4
    as_images(pixels, SIZE)


def test_only_the_floats_of_numpy_are_looked_at(monkeypatch):
    """JAX's would be waited for, or are traced; bytes cannot be wrong."""

    def look(pixels):
        raise AssertionError

    monkeypatch.setattr(module_under_test, "_check_range", look)
    as_images(SOURCE, SIZE)
    jax.block_until_ready(as_images(jnp.full((SIZE, SIZE, 3), 255.0), SIZE))
    jax.jit(lambda x: as_images(x, SIZE)[0])(jnp.full((SIZE, SIZE, 3), 0.5))


def test_bytes_and_floats_of_one_picture_have_one_motion(animator):
    motion = animator.motion(SOURCE)
    assert motion.position.shape == (4, 2) and motion.jacobian.shape == (4, 2, 2)
    same = animator.motion(SOURCE / np.float32(255))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), motion, same)


def test_a_batch_of_frames_is_each_of_them(animator, motions):
    assert np.abs(motions.position[0] - motions.position[1]).max() > 1e-3
    for index, frame in enumerate(FRAMES):
        alone = animator.motion(frame)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a[index], b, atol=1e-5), motions, alone)  # noqa: B023


def test_the_verbs_are_the_modules_methods(animator, motions):
    images, _ = as_images(FRAMES, SIZE)
    found = jax.jit(lambda v: animator.module.apply(v, images, method="motion"))(animator.variables)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, motions)


def test_one_source_serves_a_batch_of_motions(animator, motions, one_by_one):
    rendering = animator.render(animator.encode(SOURCE), motions)
    assert rendering.image.shape == (3, SIZE, SIZE, 3)
    assert np.abs(one_by_one[0] - one_by_one[1]).max() > 1e-3
    np.testing.assert_allclose(rendering.image, one_by_one, atol=1e-5)


def test_one_motion_serves_a_batch_of_sources(animator, motions, one_by_one):
    sources = np.stack([FRAMES[0], SOURCE, FRAMES[1]])
    rendering = animator.render(animator.encode(sources), jax.tree.map(lambda x: x[1], motions))
    np.testing.assert_allclose(rendering.image[1], one_by_one[1], atol=1e-5)
    assert np.abs(rendering.image[0] - rendering.image[1]).max() > 1e-3


def test_as_many_sources_as_motions_go_in_pairs(animator, motions, one_by_one):
    rendering = animator.render(animator.encode(np.stack([SOURCE] * 3)), motions)
    np.testing.assert_allclose(rendering.image, one_by_one, atol=1e-5)


def test_a_single_rendering_has_no_batch_axis(animator, motions, one_by_one):
    rendering = animator.render(animator.encode(SOURCE), jax.tree.map(lambda x: np.asarray(x)[2], motions))
    np.testing.assert_allclose(rendering.image, one_by_one[2], atol=1e-5)
    assert rendering.warp.grid.ndim == 3 and rendering.warp.deformed.shape == (SIZE, SIZE, 3)
    assert (rendering.image >= 0).all() and (rendering.image <= 1).all()


@pytest.mark.parametrize("sources", [1, 2])
def test_batches_of_different_lengths_are_refused(animator, motions, sources):
    with pytest.raises(InputError, match=f"{sources} encoded sources does not go with one of 3 motions"):
        animator.render(animator.encode(FRAMES[:sources]), motions)


def test_animators_of_equal_settings_share_their_compiled_verbs(animator, motions):
    compiled = module_under_test._apply._cache_size()
    other = tiny_animator(seed=1)
    moved = other.motion(FRAMES)
    assert module_under_test._apply._cache_size() == compiled
    assert np.abs(moved.position - motions.position).max() > 1e-3


def test_an_animator_is_frozen_and_keeps_its_numbers_out_of_its_name(animator):
    with pytest.raises(dataclasses.FrozenInstanceError):
        animator.size = 64
    assert len(repr(animator)) < 1000
