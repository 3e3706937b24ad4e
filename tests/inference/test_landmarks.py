"""Landmark providers, which are anybody's functions."""

import os
import sys

import numpy as np
import pytest

from thf_jax.errors import InputError
from thf_jax.inference.landmarks import load_provider

PICTURE = np.zeros((4, 4, 3), np.uint8)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of this text, and gives its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def test_what_a_provider_gives_becomes_an_array(module):
    name = module("gives_lists", "find = lambda picture: [(1, 2), (3, 4)]\nblind = lambda picture: None\n")
    points = load_provider(f"{name}:find")(PICTURE)
    assert points is not None and points.dtype == np.float32
    np.testing.assert_array_equal(points, [[1, 2], [3, 4]])
    assert load_provider(f"{name}:blind")(PICTURE) is None


def test_a_module_in_the_working_directory_is_found_last(tmp_path, monkeypatch):
    """An installed `thf` has its own folder on the path, and not the one it was started in."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", os.getcwd())])
    monkeypatch.chdir(tmp_path)
    for name in ("lies_here", "difflib"):
        (tmp_path / f"{name}.py").write_text("find = lambda picture: [(1, 2)]\n")
    np.testing.assert_array_equal(load_provider("lies_here:find")(PICTURE), [[1, 2]])
    monkeypatch.delitem(sys.modules, "difflib")
    with pytest.raises(InputError, match="difflib has no function find"):
        load_provider("difflib:find")


@pytest.mark.parametrize("value", ["[1, 2, 3]", "[[1, 2, 3]]", "'none'", "[[1, 2], [3]]", "[['a', 'b']]"])
def test_what_is_no_array_of_points_is_refused(module, value):
    name = module(f"gives_{abs(hash(value))}", f"find = lambda picture: {value}\n")
    with pytest.raises(InputError, match=r"the landmark provider .*:find gave .*points \(x, y\)"):
        load_provider(f"{name}:find")(PICTURE)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("fails_a", "1 / 0\n", "ZeroDivisionError: division by zero"),
        ("fails_b", "def find(:\n", "SyntaxError"),
        ("fails_c", "import no_such_module_at_all\n", "No module named"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(module, name, text, sentence):
    with pytest.raises(InputError, match=rf"cannot import {name} of the landmark provider {name}:find: .*{sentence}"):
        load_provider(f"{module(name, text)}:find")
