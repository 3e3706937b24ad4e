"""`thf doctor`, where all is well and where something is broken."""

import importlib.util

import pytest

from thf_jax.cli import doctor
from thf_jax.inference import assets

PARTS = ["python", "jax", "compiled", "video", "frames", "extras"]


def test_it_tells_what_each_part_is(thf, shipped):
    outcome = thf("doctor")
    assert (outcome.status, outcome.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert list(lines) == PARTS
    assert "8 x cpu" in lines["jax"] and "H.264" in lines["video"]
    assert lines["frames"].startswith("tiny renders 32 x 32 pixels at ")
    assert list(shipped.iterdir()) == []


def test_a_broken_part_is_told_and_the_others_are_tried(thf, shipped, monkeypatch):
    assets.portrait_path().unlink()
    monkeypatch.setattr("thf_jax.inference.video.open_video", lambda *_: (_ for _ in ()).throw(OSError("no encoder")))
    outcome = thf("doctor")
    assert outcome.status == 1 and outcome.err.count("\n") == 1
    assert "2 of 6 parts do not work: video, frames" in outcome.err
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert list(lines) == PARTS
    assert lines["video"] == "FAILED: no encoder" and "carries no portrait" in lines["frames"]


def test_an_accelerator_that_jax_does_not_use_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "gpu").touch()
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setattr(doctor, "ACCELERATORS", {str(tmp_path / "gpu"): "cuda"})
    with pytest.raises(RuntimeError, match=r"JAX uses the CPU alone; pip install \"thf-jax\[cuda\]\""):
        doctor.devices()


def test_extras_that_are_missing_are_named_with_what_they_are_for(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "optuna" else object())
    there, _, missing = doctor.extras().partition("; not installed: ")
    assert missing == "sweep (experiments.ablate)" and "faces" in there
