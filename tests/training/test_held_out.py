"""The evaluation during training, against the verbs called one by one."""

import numpy as np
from ml_collections import ConfigDict

from tests.inference.samples import SIZE, tiny_animator
from tests.training.samples import MemoryDataset
from thf_jax.training.held_out import evenly_spread, held_out_scores


def test_scores_are_means_over_every_few_frames_of_the_clips():
    animator, dataset = tiny_animator(), MemoryDataset(size=SIZE)
    config = ConfigDict({"system": "fomm", "size": SIZE, "model": animator.settings})
    config.evaluate = ConfigDict({"clips": 1, "frames": 3})
    scores = held_out_scores(config, animator.variables, dataset)
    frames = [dataset.frame(number) for number in (0, 3, 6)]
    encoded = animator.encode(frames[0])
    made = [np.asarray(animator.render(encoded, animator.motion(frame)).image) for frame in frames]
    errors = [np.abs(image - frame / 255).mean() for image, frame in zip(made, frames, strict=True)]
    copying = [np.abs(frames[0] / 255.0 - frame / 255.0).mean() for frame in frames]
    np.testing.assert_allclose([scores["l1"], scores["l1_copying"]], [np.mean(errors), np.mean(copying)], rtol=1e-4)
    assert set(scores) == {name + end for name in ("l1", "psnr", "ssim") for end in ("", "_copying")}


def test_clips_are_spread_evenly():
    assert evenly_spread(tuple(range(10)), 3) == [0, 3, 6]
    assert evenly_spread(tuple(range(3)), 16) == [0, 1, 2]
