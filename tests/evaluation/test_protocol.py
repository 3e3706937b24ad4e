"""Metrics against NumPy, and the reconstruction protocol on an animator whose result is known."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.errors import InputError
from thf_jax.evaluation import metrics, protocol
from thf_jax.models.animator import Animator
from thf_jax.types import Rendering


@pytest.fixture(autouse=True)
def standard_promotion():
    """dm_pix divides floats by integers, which strict promotion forbids."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def test_metrics_against_numpy():
    rng = np.random.default_rng(0)
    image, target = (rng.random((16, 16, 3), dtype=np.float32) for _ in range(2))
    np.testing.assert_allclose(
        metrics.l1(jnp.asarray(image), jnp.asarray(target)), np.abs(image - target).mean(), rtol=1e-6
    )
    expected = -10 * np.log10(np.mean((image - target) ** 2))
    np.testing.assert_allclose(metrics.psnr(jnp.asarray(image), jnp.asarray(target)), expected, rtol=1e-5)


def test_equal_pictures():
    image = jnp.asarray(np.random.default_rng(0).random((16, 16, 3), dtype=np.float32))
    assert float(metrics.l1(image, image)) == 0
    assert float(metrics.psnr(image, image)) == 100
    np.testing.assert_allclose(metrics.ssim(image, image), 1, atol=1e-5)


@dataclasses.dataclass(frozen=True)
class Level:
    """A motion: the mean brightness of a frame."""

    value: jnp.ndarray


class Source(NamedTuple):
    """An encoded source."""

    motion: Level


class FlatAnimator(Animator):
    """Answers with a flat picture of half the driving frame's brightness."""

    measures_background = False

    def encode(self, source):
        return Source(self.motion(source))

    def motion(self, frame):
        return Level(jnp.asarray(frame, jnp.float32).mean() / 255)

    def render(self, encoded, motion):
        return Rendering(image=jnp.full((16, 16, 3), motion.value / 2), warp=None)


def frames(*levels):
    return [np.full((16, 16, 3), level, np.uint8) for level in levels]


def test_every_frame_is_compared_with_itself_and_with_the_first():
    score = protocol.reconstruct(FlatAnimator("flat", 16, {}, {}), "clip", iter(frames(51, 102, 204)))
    assert (score.name, score.frames) == ("clip", 3)
    np.testing.assert_allclose(score.model["l1"], np.mean([0.1, 0.2, 0.4]), rtol=1e-5)
    np.testing.assert_allclose(score.copying["l1"], np.mean([0.0, 0.2, 0.6]), rtol=1e-5)


def test_every_counts_from_the_first_frame():
    score = protocol.reconstruct(FlatAnimator("flat", 16, {}, {}), "clip", iter(frames(51, 0, 102, 0, 204)), every=2)
    np.testing.assert_allclose(score.copying["l1"], np.mean([0.0, 0.2, 0.6]), rtol=1e-5)


def test_an_empty_clip_is_refused():
    with pytest.raises(InputError, match="has no frames"):
        protocol.reconstruct(FlatAnimator("flat", 16, {}, {}), "clip", iter([]))
    with pytest.raises(InputError, match="no clips"):
        protocol.summary([])


def test_the_summary_weighs_by_frames_and_counts_the_better_clips():
    def score(name, count, ours, copying):
        rest = {"psnr": 1.0, "ssim": 1.0}
        return protocol.ClipScore(name, count, {"l1": ours, **rest}, {"l1": copying, **rest})

    totals = protocol.summary([score("a", 1, 0.1, 0.2), score("b", 3, 0.3, 0.2)])
    assert totals["frames"] == 4
    assert totals["clips_better"] == 1
    np.testing.assert_allclose(totals["model"]["l1"], 0.25)
    np.testing.assert_allclose(totals["copying"]["l1"], 0.2)
    np.testing.assert_allclose(totals["l1_below_copying"], -0.25)
