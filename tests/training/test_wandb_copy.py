"""The copy at Weights & Biases: what is sent, by a stand-in for its package."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.training.quick import quick, quick_steps  # noqa: F401
from tests.training.samples import MemoryDataset
from thf_jax.errors import InputError
from thf_jax.training import loop
from thf_jax.training.loop import train


@pytest.fixture
def wandb(monkeypatch):
    """The package, offline: `begun` has what each run was begun with, `sent` what was logged."""
    begun, sent, ended = [], [], []
    run = SimpleNamespace(
        define_metric=lambda name, step_metric: None, log=sent.append, finish=lambda: ended.append(len(sent))
    )
    package = SimpleNamespace(
        init=lambda **settings: begun.append(settings) or run,
        Image=lambda pixels: ("picture", np.asarray(pixels).shape),
        begun=begun,
        sent=sent,
        ended=ended,
    )
    monkeypatch.setitem(sys.modules, "wandb", package)
    return package


def test_numbers_and_pictures_go_to_the_same_run_after_a_resume(tmp_path, wandb, monkeypatch, quick_steps):  # noqa: F811
    monkeypatch.setattr(loop, "held_out_scores", lambda *_: dict.fromkeys(SCORES, 0.5))
    for steps in (2, 4):
        config = quick(**{"train.wandb": "faces", "train.steps": steps, "evaluate.every": 4})
        train(config, tmp_path, MemoryDataset(), held_out=MemoryDataset())
    first, second = wandb.begun
    assert (first["project"], first["name"], first["config"]["train"]["steps"]) == ("faces", tmp_path.name, 2)
    assert first["id"] == second["id"] and second["resume"] == "allow"
    losses = {line["step"]: line["train/loss"] for line in wandb.sent if "train/loss" in line}
    assert list(losses) == [1, 2, 3, 4] and all(0 < loss < 1 for loss in losses.values())
    assert [line["step"] for line in wandb.sent if line.get("eval/l1") == 0.5] == [2, 4]
    assert [line["samples"] for line in wandb.sent if "samples" in line] == [("picture", (2, 2, 3))] * 2
    assert wandb.ended[-1] == len(wandb.sent)


SCORES = ("l1", "psnr", "ssim", "l1_copying", "psnr_copying", "ssim_copying")


def test_without_the_package_it_is_one_sentence(tmp_path, monkeypatch, quick_steps):  # noqa: F811
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match=r"needs the package wandb \(the extra `wandb`\): pip install wandb"):
        train(quick(**{"train.wandb": "faces"}), tmp_path, MemoryDataset())
