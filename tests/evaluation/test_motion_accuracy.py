"""The AUC against a loop, and the benchmark on animators whose flow is known."""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipelines.moving_heads import on_the_fly
from thf_jax.errors import InputError
from thf_jax.evaluation.motion_accuracy import ClipAccuracy, auc, evaluate_motion, summary
from thf_jax.models.animator import Animator
from thf_jax.types import Rendering, Warp

SIZE = 24
HEADS = on_the_fly("eval", size=SIZE, clips=2, length=25, occluded=1.0)


def pixel_grid():
    line = np.linspace(-1, 1, SIZE)
    return np.stack(np.meshgrid(line, line), axis=-1)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30))
def test_auc_is_the_share_of_pairs_in_order(pairs):
    """Few values, so that many are tied; sometimes one kind alone."""
    scores, positive = (np.array(column) for column in zip(*pairs, strict=True))
    wins = [
        1.0 if high > low else 0.5 if high == low else 0.0 for high in scores[positive] for low in scores[~positive]
    ]
    if wins:
        np.testing.assert_allclose(auc(scores, positive), np.mean(wins), atol=1e-12)
    else:
        assert auc(scores, positive) is None


@dataclasses.dataclass(frozen=True)
class Number:
    """A motion: which frame of the heads it is."""

    value: Any


class Source(NamedTuple):
    """An encoded source: which frame it is."""

    motion: Number


@dataclasses.dataclass(frozen=True)
class Oracle(Animator):
    """Answers with a flow and a visibility made of the true ones."""

    change: Any = None

    def encode(self, source):
        return Source(self.motion(source))

    def motion(self, frame):
        return Number(jnp.asarray(next(n for n in range(50) if (HEADS.frame(n) == frame).all())))

    def render(self, encoded, motion):
        grid, visibility = self.change(HEADS.true_flow(int(encoded.motion.value), int(motion.value)))
        visibility = None if visibility is None else jnp.asarray(visibility[..., None], jnp.float32)
        warp = Warp(jnp.asarray(grid, jnp.float32), visibility, masks=None, candidates=None, deformed=None)
        return Rendering(image=None, warp=warp)


def measured(change, settings=None, **options):
    return list(evaluate_motion(Oracle("fomm", SIZE, settings or {}, {}, change), HEADS, **options))


def test_the_true_flow_has_no_error_and_the_true_visibility_an_area_of_1():
    for clip in measured(lambda truth: (truth.grid, truth.visibility), every=6):
        assert clip.frames == 4
        assert max(clip.error.values()) < 1e-4
        assert clip.visibility_auc == 1
        assert clip.pixels["visible"] > clip.pixels["head"] > 0


def test_errors_are_in_pixels_and_regions_are_what_their_names_say():
    pixel = 2 / (SIZE - 1)

    def change(truth):
        """3 pixels to the right and 4 down on the head, right elsewhere."""
        return truth.grid + truth.head[..., None] * np.array([3 * pixel, 4 * pixel]), 1 - truth.visibility

    for number, clip in enumerate(measured(change, every=12)):
        truths = [HEADS.true_flow(25 * number, 25 * number + later) for later in (12, 24)]
        visible = sum(int((truth.visibility == 1).sum()) for truth in truths)
        head = sum(int((truth.head & (truth.visibility == 1)).sum()) for truth in truths)
        assert clip.pixels == {"visible": visible, "head": head}
        np.testing.assert_allclose(clip.error["head"], 5, rtol=1e-5)
        np.testing.assert_allclose(clip.error["visible"], 5 * head / visible, rtol=1e-5)
        assert clip.visibility_auc == 0


def test_a_flow_that_moves_nothing_has_the_error_of_the_motion():
    (clip, _) = measured(lambda truth: (pixel_grid(), None), every=24)
    truth, total, count = HEADS.true_flow(0, 24), 0.0, 0
    for row in range(SIZE):
        for column in range(SIZE):
            if truth.visibility[row, column] == 1 and truth.head[row, column]:
                x, y = (truth.grid[row, column] + 1) / 2 * (SIZE - 1)
                total, count = total + np.hypot(x - column, y - row), count + 1
    np.testing.assert_allclose(clip.error["head"], total / count, rtol=1e-4)
    np.testing.assert_allclose(clip.unmoved["head"], total / count, rtol=1e-4)
    assert clip.error["head"] > clip.error["visible"] > 0.1
    assert clip.visibility_auc is None


def test_edges_count_neither_as_visible_nor_as_hidden():
    """At edges the score is wrong, elsewhere right."""

    def change(truth):
        return truth.grid, np.where(truth.shown & (truth.visibility == 0), -1, truth.visibility)

    assert [clip.visibility_auc for clip in measured(change, every=24)] == [1, 1]


def test_a_grid_of_the_other_reading_is_read_so():
    """With -1 and 1 at the outer edges, pixel p lies at (2 p + 1) / size - 1."""

    def change(truth):
        pixels = (truth.grid + 1) / 2 * (SIZE - 1)
        return (2 * pixels + 1) / SIZE - 1, truth.visibility

    settings = {"dense_motion": {"align_corners": False}, "generator": {"align_corners": False}}
    assert measured(change, settings, every=24)[0].error["visible"] < 1e-4
    assert measured(change, every=24)[0].error["visible"] > 0.1


def test_a_small_flow_is_measured_at_full_size():
    def change(truth):
        line = np.linspace(-1, 1, SIZE // 2)
        return np.stack(np.meshgrid(line, line), axis=-1), np.full((SIZE // 2, SIZE // 2), 0.5)

    (clip, _) = measured(change, every=24)
    np.testing.assert_allclose(clip.error["visible"], clip.unmoved["visible"], atol=0.5)  # the coarse grid's own error
    assert clip.visibility_auc == 0.5


def test_a_flow_in_3d_counts_by_its_mean_over_depth():
    def change(truth):
        depths = np.array([-0.3, 0.1, 0.2])[:, None, None, None]
        moved = truth.grid + depths
        return np.concatenate([moved, 0 * moved[..., :1]], axis=-1), None

    assert measured(change, every=24)[0].error["visible"] < 1e-4


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="no frame 25 after its first"):
        measured(lambda truth: (truth.grid, None), every=25)
    with pytest.raises(InputError, match="draw them at 32"):
        next(evaluate_motion(Oracle("fomm", 32, {}, {}, None), HEADS))
    with pytest.raises(InputError, match="no clips"):
        summary([])


def test_the_summary_weighs_by_pixels():
    def clip(visible, head, error, area):
        both = {"visible": error, "head": 2 * error}
        return ClipAccuracy("c", 3, {"visible": visible, "head": head}, both, {"visible": 1.0, "head": 1.0}, area)

    totals = summary([clip(10, 4, 0.5, 0.9), clip(30, 0, 1.5, None), clip(0, 0, 0.0, 0.7)])
    assert (totals["clips"], totals["frames"]) == (3, 9)
    assert totals["pixels"] == {"visible": 40, "head": 4}
    np.testing.assert_allclose(totals["error"]["visible"], (10 * 0.5 + 30 * 1.5) / 40)
    np.testing.assert_allclose(totals["error"]["head"], 1.0)
    np.testing.assert_allclose(totals["visibility_auc"], 0.8)
    assert summary([clip(0, 0, 0.0, None)])["visibility_auc"] is None
