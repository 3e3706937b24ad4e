"""Reconstruction, the protocol of the papers' tables: every clip from its own first frame, with absolute motion."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from thf_jax.errors import InputError
from thf_jax.evaluation.metrics import METRICS
from thf_jax.inference.animate import animate
from thf_jax.models.animator import Animator, as_images


@dataclasses.dataclass(frozen=True)
class ClipScore:
    """The scores of one clip, each a mean over its frames."""

    name: str
    frames: int
    model: Mapping[str, float]
    copying: Mapping[str, float]
    """Of the first frame shown all the time, which is what a model has to beat."""


def reconstruct(animator: Animator, name: str, frames: Iterable[np.ndarray], *, every: int = 1) -> ClipScore:
    """The scores of one clip, reconstructed from its first frame; the first frame is scored as well, as in the papers.

    Args:
        frames: [h w 3], uint8 or floating in [0, 1]; read once, in order.
        every: score the first frame and then each `every`-th.

    Raises:
        InputError: the clip has no frames.
    """
    frames = itertools.islice(iter(frames), 0, None, every)
    first = next(frames, None)
    if first is None:
        raise InputError(f"the clip {name} has no frames")
    source = _image(animator, first)
    kept, driving = itertools.tee(itertools.chain([first], frames))  # apart by what `animate` runs ahead, no more
    special = {"background": True} if animator.measures_background else {}  # as in MRAA's own evaluation
    rows = []
    for frame, rendering in zip(kept, animate(animator, first, driving, relative=False, **special), strict=True):
        rows.append(_scores(rendering.image, source, _image(animator, frame)))
    model, copying = (
        {metric: float(np.mean([row[index][metric] for row in rows])) for metric in METRICS} for index in (0, 1)
    )
    return ClipScore(name, len(rows), model, copying)


@jax.jit
def _scores(image: Any, source: Any, target: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {name: metric(image, target) for name, metric in METRICS.items()},
        {name: metric(source, target) for name, metric in METRICS.items()},
    )


def _image(animator: Animator, frame: np.ndarray) -> jax.Array:
    return as_images(frame, animator.size)[0][0]


def evaluate(animator: Animator, dataset: Any, *, every: int = 1) -> Iterator[ClipScore]:
    """The scores of each clip of an open split of `data_pipelines`, one after the other."""
    for clip in dataset.clips:
        yield reconstruct(animator, clip.name, dataset.frames(clip), every=every)


def summary(scores: list[ClipScore]) -> dict[str, Any]:
    """Means over all frames of all clips, for the model and for copying, and in how many clips the model's l1 is lower.

    Raises:
        InputError: there are no clips.
    """
    if not scores:
        raise InputError("there are no clips to evaluate")
    weights = [score.frames for score in scores]

    def means(rows: list[Mapping[str, float]]) -> dict[str, float]:
        return {metric: float(np.average([row[metric] for row in rows], weights=weights)) for metric in METRICS}

    model, copying = means([score.model for score in scores]), means([score.copying for score in scores])
    return {
        "clips": len(scores),
        "frames": sum(weights),
        "model": model,
        "copying": copying,
        "l1_below_copying": 1 - model["l1"] / copying["l1"] if copying["l1"] > 0 else 0.0,
        "clips_better": sum(score.model["l1"] < score.copying["l1"] for score in scores),
    }
