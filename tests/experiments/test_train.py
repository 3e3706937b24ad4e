"""What the training command does before it trains."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from configs.fomm import get_config
from data_pipelines.errors import InputError
from experiments import train
from thf_jax.training.preemption import PreemptedError
from thf_jax.training.progress import NonFiniteLossError

SIDE = 8


@pytest.fixture
def trained(monkeypatch):
    """The datasets that training was started with; it takes no step, and the configuration need not fit them."""
    datasets = []
    monkeypatch.setattr(train, "check", lambda *_, **__: None)
    monkeypatch.setattr(train, "train", lambda config, workdir, dataset, **_: datasets.append(dataset))
    return datasets


def run(location, workdir):
    config = get_config("debug")
    config.size, config.data.location = SIDE, str(location)
    train.run_all([(config, workdir)])


def save_clip(folder):
    folder.mkdir(parents=True)
    for number in range(2):
        Image.fromarray(np.full((SIDE, SIDE, 3), 100 * number, np.uint8)).save(folder / f"{number}.png")


def test_problems_of_the_data_are_a_warning(tmp_path, trained, capsys):
    for split in ("train", "eval"):
        for number in range(12):
            save_clip(tmp_path / "clips" / split / f"p{number}_1")
    run(tmp_path / "clips", tmp_path / "run")
    assert [len(dataset.clips) for dataset in trained] == [12]
    head, *lines, last = capsys.readouterr().err.splitlines()
    assert head.split() == ["SPLIT", "CLIP", "PROBLEM", "DETAIL"]
    assert len(lines) == train.MOST_SHOWN
    assert " ".join(lines[0].split()) == "eval, train p0_1 same name clips: 1 in eval, 1 in train"
    assert last.startswith("train: 24 problems with the data; python -m data_pipelines.validate")


def test_sound_data_is_not_spoken_of(tmp_path, trained, capsys):
    save_clip(tmp_path / "clips" / "train" / "anna_1")
    save_clip(tmp_path / "clips" / "eval" / "bert_1")
    for location in (tmp_path / "clips", "moving_heads"):
        run(location, tmp_path / "run")
    assert len(trained) == 2
    assert capsys.readouterr().err == ""


def test_an_address_is_no_workdir(monkeypatch, capsys):
    options = {"CONFIG": get_config("debug"), "WORKDIR": "gs://bucket/run"}
    for name, value in options.items():
        monkeypatch.setattr(train, name, SimpleNamespace(value=value))
    with pytest.raises(SystemExit) as ended:
        train.main(["train"])
    assert ended.value.code == 2
    assert "gs://bucket/run is an address: mount what lies there" in capsys.readouterr().err


def test_an_empty_split_stops(tmp_path, trained):
    save_clip(tmp_path / "clips" / "eval" / "bert_1")
    (tmp_path / "clips" / "train").mkdir()
    with pytest.raises(InputError, match="no split 'train', it has eval"):
        run(tmp_path / "clips", tmp_path / "run")
    assert trained == [] and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (None, 0, ""),
        (InputError("no such clip"), 2, "train: no such clip"),
        (NonFiniteLossError("the loss is nan"), 1, "train: the work failed: NonFiniteLossError: the loss is nan"),
        (OSError(28, "No space left on device"), 1, "train: the work failed: OSError"),
        (FileNotFoundError(2, "No such file or directory", "a.png"), 2, "train: the file or folder a.png cannot"),
        (KeyboardInterrupt(), 130, "train: interrupted"),
        (PreemptedError("asked to stop"), 0, ""),
    ],
)
def test_however_training_ends_it_is_one_sentence_and_a_status(monkeypatch, capsys, error, status, sentence):
    def run(config, workdir, *, needed_next):
        if error is not None:
            raise error

    monkeypatch.setattr(train, "run", run)
    options = {"CONFIG": get_config("debug"), "WORKDIR": "run", "STAGES": [], "DEBUG": False}
    for name, value in {**options, "COORDINATOR": "", "PROCESSES": None, "PROCESS": None}.items():
        monkeypatch.setattr(train, name, SimpleNamespace(value=value))
    assert train.main(["train"]) == status
    said = capsys.readouterr().err
    assert said.startswith(sentence) and len(said.splitlines()) == (status != 0)
