"""A tiny model on disk, small inputs, and the commands called in this process."""

import dataclasses
import functools
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from tests.inference.samples import SIZE, pictures, tiny_animator, write_clip
from thf_jax.cli.main import main
from thf_jax.inference import assets
from thf_jax.inference.motion_files import write_motion
from thf_jax.interop.model_directory import load_model, save_model
from thf_jax.models.animator import Animator


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny", tiny_animator(), "A card.")


@pytest.fixture(scope="session")
def load_once() -> Callable[[Path], Animator]:
    return functools.cache(load_model)


@pytest.fixture(autouse=True)
def models_are_loaded_once(load_once, monkeypatch):
    """Loading takes longer than all that these tests do with a model."""
    monkeypatch.setattr("thf_jax.inference.load.load_model", load_once)


@pytest.fixture(autouse=True)
def fast_enough(monkeypatch):
    """Lines about progress come after seconds, which on a busy machine even these short clips may take."""
    monkeypatch.setattr("thf_jax.cli.progress.INTERVAL", 3600.0)


@pytest.fixture(scope="session")
def photo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    Image.fromarray(pictures(1, height=48, width=64, seed=1)[0]).save(path)
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """A 16:9 clip with sound, as cameras make them, but small."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_clip(path, count=12, rate=Fraction(30000, 1001), sound="aac")


@pytest.fixture
def shipped(model, tmp_path, monkeypatch) -> Path:
    """Small assets in the place of the shipped ones; the folder is an empty one, which is the current one."""
    folder = tmp_path / "assets"
    shutil.copytree(model, folder / "models" / "tiny")
    Image.fromarray(pictures(1, height=48, width=64, seed=1)[0]).save(folder / "portrait.png")
    (folder / "motions").mkdir()
    animator = tiny_animator()
    motions = [animator.motion(frame) for frame in pictures(9)]
    write_motion(folder / "motions" / "nod.motion", motions, system="fomm", rate=25.0, size=SIZE, model="tiny")
    monkeypatch.setattr(assets, "FOLDER", folder)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    return tmp_path / "out"


@dataclasses.dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def thf(capfd):
    """Runs a command line; its words may be paths and numbers too."""

    def run(*words) -> Outcome:
        capfd.readouterr()
        status = main([str(word) for word in words])
        return Outcome(status, *capfd.readouterr())

    return run
