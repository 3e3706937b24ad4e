"""Reconstruction of clips that are not trained on, while a run goes on."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from data_pipelines.records import ClipEntry
from thf_jax.errors import InputError
from thf_jax.evaluation.metrics import METRICS
from thf_jax.evaluation.protocol import reconstruct
from thf_jax.models.animator import Animator
from thf_jax.training.agreement import gathered
from thf_jax.training.config import Config


def held_out_scores(config: Config, variables: Any, dataset: Any) -> dict[str, float]:
    """The mean of each of `evaluation.metrics` over all frames, and as `NAME_copying` that of showing the first frame.

    The processes share the clips, and all of them get the same result.

    Args:
        config: `evaluate.clips` of the split, evenly spread over it, of which each `evaluate.frames`-th frame counts.
        variables: the animator's, on a device of this process.
        dataset: an open split of `data_pipelines`.
    """
    animator = Animator(config.system, config.size, config.model.to_dict(), variables)
    clips = evenly_spread(dataset.clips, config.evaluate.clips)[jax.process_index() :: jax.process_count()]
    every = config.evaluate.frames
    scores = [reconstruct(animator, clip.name, dataset.frames(clip), every=every) for clip in clips]
    names = [name + end for end in ("", "_copying") for name in METRICS]
    sums = np.zeros(1 + len(names), np.float32)
    for score in scores:
        values = [kind[name] for kind in (score.model, score.copying) for name in METRICS]
        sums += score.frames * np.array([1.0, *values], np.float32)
    frames, *totals = gathered(sums, "the scores").sum(0)
    if not frames:
        raise InputError("there are no clips to evaluate")
    return {name: float(total / frames) for name, total in zip(names, totals, strict=True)}


def evenly_spread(clips: tuple[ClipEntry, ...], most: int) -> list[ClipEntry]:
    """At most so many of the clips, the first among them, at equal distances."""
    count = min(most, len(clips))
    return [clips[number * len(clips) // count] for number in range(count)]
