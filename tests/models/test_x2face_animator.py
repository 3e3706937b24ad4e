"""The verbs as users call them, for a system of several sources."""

import numpy as np
import pytest

from tests.inference.samples import X2FACE_SIZE as SIZE
from tests.inference.samples import pictures, tiny_x2face
from thf_jax.errors import InputError
from thf_jax.models.animator import Animator
from thf_jax.types import DrivingCode

PICTURES = pictures(3, height=SIZE, width=SIZE)


@pytest.fixture(scope="module")
def animator() -> Animator:
    return tiny_x2face()


def test_a_list_of_pictures_is_several_sources_of_one_person(animator):
    encoded = animator.encode(PICTURES[:2])
    assert encoded.image.shape == (SIZE, SIZE, 3) and not encoded.batched
    mixed = [PICTURES[0], PICTURES[1] / np.float32(255)]
    np.testing.assert_allclose(animator.encode(mixed).image, encoded.image, atol=1e-5)
    assert np.abs(animator.encode(PICTURES[0]).image - encoded.image).max() > 1e-3


def test_pictures_of_a_list_may_have_other_sizes(animator):
    large = pictures(1, height=40, width=24)[0]
    encoded = animator.encode((PICTURES[0], large))
    assert encoded.image.shape == (SIZE, SIZE, 3)


def test_a_batch_of_several_sources_is_each_of_them(animator):
    encoded = animator.encode(np.stack([PICTURES[:2], PICTURES[1:]]))
    assert encoded.batched and encoded.image.shape == (2, SIZE, SIZE, 3)
    np.testing.assert_allclose(encoded.image[1], animator.encode(PICTURES[1:]).image, atol=1e-5)


def test_one_face_serves_a_batch_of_motions_and_one_motion_a_batch_of_faces(animator):
    face, motions, motion = animator.encode(PICTURES[:2]), animator.motion(PICTURES[:2]), animator.motion(PICTURES[1])
    assert motions.batched and not motion.batched
    rendering, alone = animator.render(face, motions), animator.render(face, motion)
    assert rendering.image.shape == (2, SIZE, SIZE, 3) and alone.warp.grid.shape == (SIZE, SIZE, 2)
    np.testing.assert_allclose(rendering.image[1], alone.image, atol=1e-5)
    faces = animator.encode(np.stack([PICTURES[:2], PICTURES[1:]]))
    np.testing.assert_allclose(animator.render(faces, motion).image[0], alone.image, atol=1e-5)
    with pytest.raises(InputError, match="a batch of 2 encoded sources does not go with one of 3 motions"):
        animator.render(faces, DrivingCode(np.zeros((3, 6), np.float32)))


def test_what_is_no_source_is_refused(animator):
    with pytest.raises(InputError, match=r"\[n h w 3\] for several sources of one person.* not \[8, 8\]"):
        animator.encode(np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError, match=r"\[b h w 3\] for a batch of them, not \[1, 2, 8, 8, 3\]"):
        animator.motion(np.zeros((1, 2, 8, 8, 3), np.uint8))
