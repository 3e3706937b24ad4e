"""Models by name and by folder, and what is no model."""

import numpy as np
import pytest

from tests.inference.samples import SETTINGS, SIZE, pictures
from thf_jax.errors import InputError
from thf_jax.inference import assets
from thf_jax.inference.load import load
from thf_jax.interop.model_directory import save_model


@pytest.fixture
def shipped(animator, tmp_path, monkeypatch):
    """The assets of a package that ships one model and two motions."""
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "assets")
    (tmp_path / "assets" / "models").mkdir(parents=True)
    (tmp_path / "assets" / "motions").mkdir()
    save_model(tmp_path / "assets" / "models" / "tiny-32", animator, "A card.")
    for name in ["nod", "blink"]:
        (tmp_path / "assets" / "motions" / f"{name}.motion").touch()
    return tmp_path


def assert_same(loaded, animator):
    assert (loaded.system, loaded.size) == ("fomm", SIZE)
    assert loaded.settings["detector"]["count"] == SETTINGS["detector"]["count"]
    frame = pictures(1)[0]
    np.testing.assert_array_equal(loaded.motion(frame).position, animator.motion(frame).position)


def test_a_model_directory_is_loaded(shipped, animator):
    assert_same(load(shipped / "assets" / "models" / "tiny-32"), animator)


def test_a_shipped_model_is_loaded_by_name(shipped, animator):
    assert_same(load("tiny-32"), animator)


def test_a_shipped_name_comes_before_a_folder_of_that_name(shipped, animator, monkeypatch):
    (shipped / "tiny-32").mkdir()
    monkeypatch.chdir(shipped)
    assert_same(load("tiny-32"), animator)
    with pytest.raises(InputError, match="it has no config"):
        load("./tiny-32")


def test_names(shipped):
    assert assets.model_names() == ["tiny-32"] and assets.default_model() == "tiny-32"
    assert assets.motion_names() == ["blink", "nod"] and assets.default_motion() == "blink"
    assert assets.motion_path("nod").name == "nod.motion"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tiny32", "no model and no folder named 'tiny32'; the nearest is 'tiny-32'"),
        ("{}/vox.pth.tar", "is a PyTorch checkpoint; make a model directory of it with `thf convert"),
        ("{}/photo.png", "a model is a folder"),
        ("{}/empty", "it has no config"),
        ("{}/nowhere", "no model and no folder named"),
    ],
)
def test_what_is_no_model_is_refused(shipped, name, sentence):
    (shipped / "empty").mkdir()
    for file in ["vox.pth.tar", "photo.png"]:
        (shipped / file).touch()
    with pytest.raises(InputError, match=sentence):
        load(name.format(shipped))


def test_a_package_without_assets_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    assert assets.model_names() == [] and assets.motion_names() == []
    for ask in [assets.default_model, assets.default_motion, assets.portrait_path]:
        with pytest.raises(InputError, match="this copy of thf_jax carries no"):
            ask()
    with pytest.raises(InputError, match="no model and no folder named 'tiny'"):
        load("tiny")


def test_a_training_workdir_is_loaded_through_its_checkpoints(animator, tmp_path, monkeypatch):
    """How they are read is tested with training; here it is that they are read."""
    asked = []
    monkeypatch.setattr(
        "thf_jax.training.trained_networks.restore_animator", lambda *asked_for: asked.append(asked_for) or animator
    )
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "checkpoints").mkdir()
    for which in ("", "@best", "@12000"):
        assert load(f"{tmp_path}{which}") is animator
    assert asked == [(tmp_path, ""), (tmp_path, "best"), (tmp_path, "12000")]
    (tmp_path / "checkpoints").rmdir()
    with pytest.raises(InputError, match="is no training workdir: only that has several checkpoints; leave @best out"):
        load(f"{tmp_path}@best")
