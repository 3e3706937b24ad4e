"""Where compiled programs are kept, and that a system without such a place gets along."""

import os
from pathlib import Path

import jax
import pytest

from thf_jax.cli.compilation_cache import keep_compiled_programs


@pytest.fixture
def told(monkeypatch) -> dict[str, object]:
    """What JAX was told, in an environment that names no folder."""
    found: dict[str, object] = {}
    monkeypatch.setattr(jax.config, "update", found.__setitem__)
    for name in ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return found


def test_the_users_cache_folder_is_made_and_used(told, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    keep_compiled_programs()
    folder = tmp_path / "caches" / "thf_jax" / "compiled"
    assert folder.is_dir() and told["jax_compilation_cache_dir"] == str(folder)


def test_a_folder_that_is_named_stays(told, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    keep_compiled_programs()
    assert told == {}


def test_a_user_without_a_home_gets_no_cache(told, monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    keep_compiled_programs()
    assert told == {}


def test_a_folder_that_cannot_be_made_or_written_is_not_used(told, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_compiled_programs()
    assert told == {}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    keep_compiled_programs()
    assert told == {}
