"""Reconstruction of clips that are not trained on, while a run goes on."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from data_pipelines.records import ClipEntry
from thf_jax.evaluation.metrics import METRICS
from thf_jax.evaluation.protocol import reconstruct, summary
from thf_jax.models.animator import Animator
from thf_jax.training.config import Config
from thf_jax.training.parallel import wait_for_all


def held_out_scores(config: Config, variables: Any, dataset: Any) -> dict[str, float]:
    """The mean of each of `evaluation.metrics` over all frames, and as `NAME_copying` that of showing the first frame.

    The first process measures, and all of them get its result.

    Args:
        config: `evaluate.clips` of the split, evenly spread over it, of which each `evaluate.frames`-th frame counts.
        variables: the animator's, on a device of this process.
        dataset: an open split of `data_pipelines`.
    """
    names = [name + end for end in ("", "_copying") for name in METRICS]
    values = np.zeros(len(names), np.float32)
    if jax.process_index() == 0:
        animator = Animator(config.system, config.size, config.model.to_dict(), variables)
        clips = evenly_spread(dataset.clips, config.evaluate.clips)
        every = config.evaluate.frames
        totals = summary([reconstruct(animator, clip.name, dataset.frames(clip), every=every) for clip in clips])
        values = np.array([totals[kind][name] for kind in ("model", "copying") for name in METRICS], np.float32)
    if jax.process_count() > 1:
        wait_for_all("the scores")
        values = multihost_utils.broadcast_one_to_all(values)
    return dict(zip(names, np.asarray(values).tolist(), strict=True))


def evenly_spread(clips: tuple[ClipEntry, ...], most: int) -> list[ClipEntry]:
    """At most so many of the clips, the first among them, at equal distances."""
    count = min(most, len(clips))
    return [clips[number * len(clips) // count] for number in range(count)]
