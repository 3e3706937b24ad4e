"""A run that is killed goes on from its newest complete checkpoint and ends as one that was not, bit for bit."""

import random
import shutil

import pytest
from PIL import Image

from experiments import kill
from experiments.equal_runs import UnequalError, compare
from experiments.kill import drawn_moments, kill_again_and_again, training, whole
from tests.training.samples import MemoryDataset
from thf_jax.training.checkpoints import FOLDER

SIZE = 16
OVERRIDES = {
    "size": SIZE,
    "model.detector.padding": 3,
    "loss.perceptual": 0.0,
    "loss.equivariance_position": 0.0,
    "loss.equivariance_jacobian": 0.0,
    "train.sample_every": 1000,
}


@pytest.fixture
def overrides(tmp_path, monkeypatch):
    """A tiny run on two clips; its program is compiled without optimisations, which would take longer than the run."""
    dataset = MemoryDataset(size=SIZE)
    for clip in dataset.clips:
        folder = tmp_path / "clips" / "train" / f"p{clip.identity}_1"
        folder.mkdir(parents=True)
        for number, frame in enumerate(dataset.frames(clip)):
            Image.fromarray(frame).save(folder / f"{number}.png")
    # Not before the dataset: it lets JAX start in this process, which is to have its own flags.
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
    settings = {**OVERRIDES, "data.location": tmp_path / "clips"}
    return [f"--config.{name}={value}" for name, value in settings.items()]


def test_killed_while_it_saves_it_ends_as_if_nothing_had_happened(tmp_path, overrides):
    commands = [training("configs/fomm.py:debug", tmp_path / name, 1, overrides) for name in ("whole", "killed")]
    whole(commands[0], tmp_path / "whole.log")
    rng = random.Random(0)
    (seen,) = kill_again_and_again(commands[1], tmp_path / "killed", ["saving"], rng, until_first=0.0)
    assert (seen.moment, seen.began_at) == ("saving", 0) and seen.reached >= 2
    assert "are equal, bit for bit" in compare(tmp_path / "whole", tmp_path / "killed")
    shutil.rmtree(tmp_path / "killed" / FOLDER / "6")
    with pytest.raises(UnequalError, match="ended with other arrays, or at another place in the data"):
        compare(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.thorough
def test_killed_twenty_times_it_ends_as_if_nothing_had_happened(tmp_path, overrides, capsys):
    words = ["--workdir", str(tmp_path / "runs"), "--kills", "20", "--seed", "0"]
    assert kill.main([*words, *overrides]) == 0
    assert "killed 20 times: " in capsys.readouterr().out


def test_moments_are_of_all_kinds_and_the_same_for_a_seed():
    first, second = (drawn_moments(6, random.Random(5)) for _ in range(2))
    assert first == second and sorted(first) == sorted([*kill.MOMENTS] * 2)


def test_wrong_options_are_one_sentence_and_status_2(tmp_path, capsys):
    assert kill.main(["--workdir", str(tmp_path), "--kills", "0"]) == 2
    assert capsys.readouterr().err == "kill: --kills is 1 or more, not 0\n"
    (tmp_path / "a").touch()
    assert kill.main(["--workdir", str(tmp_path)]) == 2
    assert "is not empty: give a new folder" in capsys.readouterr().err
