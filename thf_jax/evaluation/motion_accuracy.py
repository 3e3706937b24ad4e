"""Motion accuracy: learnt flow and visibility against the exact ones, which drawn heads have and real clips lack."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.stats import rankdata

from data_pipelines.moving_heads import OnTheFly, TrueFlow
from data_pipelines.records import ClipEntry
from thf_jax.errors import InputError
from thf_jax.inference.animate import animate
from thf_jax.interop.shapes import complete
from thf_jax.models.animator import Animator
from thf_jax.ops.sampling import resize_map
from thf_jax.types import Rendering

REGIONS = ("visible", "head")
"""All pixels that warping the source reproduces, and those of them that show the head."""


@dataclasses.dataclass(frozen=True)
class ClipAccuracy:
    """How well a model follows the motion of one clip from its first frame; errors are in pixels of its picture."""

    name: str
    frames: int
    pixels: Mapping[str, int]
    """Over all frames, by region."""
    error: Mapping[str, float]
    """The mean end-point error: how far the flow's position in the source is from the true one. 0 without pixels."""
    unmoved: Mapping[str, float]
    """The same of a flow that moves nothing, which a model has to beat."""
    visibility_auc: float | None
    """Of the visibility, pixels that the source shows against those that it does not; None where the model has none,
    or the clip only one kind of pixel."""


def auc(scores: Float[np.ndarray, "n"], positive: Bool[np.ndarray, "n"]) -> float | None:
    """The area under the ROC curve: how often a positive scores above a negative, a tie counting half.

    By ranks (Mann and Whitney 1947): U = sum of the positives' ranks - p (p + 1) / 2, AUC = U / (p n). None where there
    is only one kind.
    """
    count = int(positive.sum())
    rest = len(positive) - count
    if count == 0 or rest == 0:
        return None
    surplus = rankdata(scores)[positive].sum() - count * (count + 1) / 2
    return float(surplus / (count * rest))


def evaluate_motion(animator: Animator, heads: OnTheFly, *, every: int = 1) -> Iterator[ClipAccuracy]:
    """The accuracy in each clip, one after the other: the first frame moved to every `every`-th of the later ones.

    A flow in 3-D says nothing of where the surface lies; it counts by the mean of its (x, y) over all depths.

    Raises:
        InputError: the heads have another size than the animator's pictures, or clips are too short.
    """
    if heads.size != animator.size:
        raise InputError(f"the heads are of {heads.size} pixels: draw them at {animator.size}, the model's size")
    for clip in heads.clips:
        if clip.length <= every:
            raise InputError(f"a clip of {clip.length} frames has no frame {every} after its first: draw longer clips")
        yield _follow(animator, heads, clip, every)


def _follow(animator: Animator, heads: OnTheFly, clip: ClipEntry, every: int) -> ClipAccuracy:
    source, corners = clip.start, _align_corners(animator)
    numbers = range(source + every, source + clip.length, every)
    renderings = animate(animator, heads.frame(source), map(heads.frame, numbers), relative=False)
    frames = [
        _compare(rendering, heads.true_flow(source, number), corners)
        for number, rendering in zip(numbers, renderings, strict=True)
    ]
    errors = {region: np.concatenate([frame.errors[region] for frame in frames]) for region in REGIONS}
    model, unmoved = (
        {region: float(rows[:, column].sum() / max(len(rows), 1)) for region, rows in errors.items()}
        for column in (0, 1)
    )
    scores, shown = (np.concatenate([getattr(frame, name) for frame in frames]) for name in ("scores", "shown"))
    return ClipAccuracy(
        name=clip.name,
        frames=len(frames),
        pixels={region: len(rows) for region, rows in errors.items()},
        error=model,
        unmoved=unmoved,
        visibility_auc=auc(scores, shown),
    )


class _Comparison(NamedTuple):
    """Of one frame, pixel by pixel."""

    errors: dict[str, Float[np.ndarray, "n 2"]]  # by region: the model's, and that of a flow that moves nothing
    scores: Float[np.ndarray, "m"]  # the learnt visibility
    shown: Bool[np.ndarray, "m"]  # the true one


def _compare(rendering: Rendering, truth: TrueFlow, align_corners: bool) -> _Comparison:
    warp, size = rendering.warp, truth.grid.shape[0]
    grid = np.asarray(_full_size(_in_plane(warp.grid), shape=(size, size)), np.float64)
    ours = (grid + 1) / 2 * (size - 1) if align_corners else ((grid + 1) * size - 1) / 2
    still = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    true = (np.float64(truth.grid) + 1) / 2 * (size - 1)
    errors = np.stack([np.linalg.norm(flow - true, axis=-1) for flow in (ours, still)], axis=-1)
    visible = truth.visibility == 1
    judged = np.zeros_like(visible)
    scores = np.zeros(visible.shape, np.float32)
    if warp.visibility is not None:
        judged = visible | ~truth.shown  # at edges a pixel shows something of either kind
        scores = np.asarray(_full_size(warp.visibility, shape=(size, size)))[..., 0]
    return _Comparison(
        dict(zip(REGIONS, (errors[visible], errors[visible & truth.head]), strict=True)),
        scores[judged],
        visible[judged],
    )


def _in_plane(grid: Float[Array, "*z h w d"]) -> Float[Array, "h w 2"]:
    return grid if grid.ndim == 3 else grid[..., :2].mean(0)


def _align_corners(animator: Animator) -> bool:
    """How the system reads its grid, see `ops.sampling`."""
    parts = complete(animator.system, animator.settings).values()
    return all(part.get("align_corners", True) for part in parts if part is not None)


@functools.partial(jax.jit, static_argnames="shape")
def _full_size(values: Array, *, shape: tuple[int, int]) -> Array:
    return resize_map(values, shape)


def summary(clips: list[ClipAccuracy]) -> dict[str, Any]:
    """Mean errors over all pixels of all clips, by region, and the mean AUC of the clips that have one.

    Raises:
        InputError: there are no clips.
    """
    if not clips:
        raise InputError("there are no clips to evaluate")
    totals: dict[str, Any] = {"clips": len(clips), "frames": sum(clip.frames for clip in clips)}
    totals["pixels"] = {region: sum(clip.pixels[region] for clip in clips) for region in REGIONS}
    for name in ("error", "unmoved"):
        totals[name] = {
            region: sum(clip.pixels[region] * getattr(clip, name)[region] for clip in clips)
            / max(totals["pixels"][region], 1)
            for region in REGIONS
        }
    areas = [clip.visibility_auc for clip in clips if clip.visibility_auc is not None]
    return totals | {"visibility_auc": float(np.mean(areas)) if areas else None}
