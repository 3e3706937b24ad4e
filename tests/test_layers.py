"""Imports run downward only, and neither TensorFlow nor torch is among them."""

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From bottom to top. A layer may import itself, its neighbours on the same line and whatever stands below.
ORDER = (
    ["thf_jax.errors"],
    ["thf_jax.ops"],
    ["thf_jax.types"],
    ["thf_jax.nn"],
    ["thf_jax.losses"],
    ["thf_jax.models"],
    ["thf_jax.training", "thf_jax.inference", "thf_jax.evaluation", "thf_jax.interop"],
    ["thf_jax"],  # the names that the package itself exports
    ["thf_jax.cli", "thf_jax.__main__"],
    ["experiments"],
)
MAY_IMPORT = {
    layer: {name for below in ORDER[: level + 1] for name in below}
    for level, layers in enumerate(ORDER)
    for layer in layers
}
# Two packages stand beside that order.
MAY_IMPORT["data_pipelines"] = {"data_pipelines"}
MAY_IMPORT["configs"] = {"configs", "thf_jax.models", "thf_jax.errors"}
for layer in (*ORDER[6], "thf_jax.cli", "experiments"):
    MAY_IMPORT[layer].add("data_pipelines")
MAY_IMPORT["experiments"].add("configs")

PACKAGES = ("thf_jax", "data_pipelines", "configs", "experiments")
FOREIGN = ("tensorflow", "torch", "torchvision")


def module_name(file: Path, root: Path) -> str:
    """The dotted name under which a file is imported; that of the package for an __init__.py."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(name: str) -> str | None:
    """The layer that a module, or a name in it, belongs to; None outside the project. Only what stands in
    thf_jax/__init__.py belongs to the layer thf_jax."""
    parts = name.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((prefix for prefix in prefixes if prefix in MAY_IMPORT), None)


def imports(file: Path, root: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a file imports, at its top or inside a function."""
    package = module_name(file, root) if file.name == "__init__.py" else module_name(file.parent / "__init__.py", root)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def violations(root: Path) -> list[str]:
    """One line, with file and line number, for every import that the layers forbid and every file that has no layer."""
    found = []
    for file in sorted(file for package in PACKAGES for file in (root / package).rglob("*.py")):
        module = module_name(file, root)
        layer = layer_of(module)
        place = file.relative_to(root)
        if layer is None or (layer == "thf_jax" and module != "thf_jax"):
            found.append(f"{place}:1: belongs to no layer; the layers of thf_jax are listed in tests/test_layers.py")
            continue
        for line, name in imports(file, root):
            imported = layer_of(name)
            if name.split(".")[0] in FOREIGN:
                found.append(f"{place}:{line}: imports {name}, which this project does without")
            elif imported is not None and imported not in MAY_IMPORT[layer]:
                found.append(f"{place}:{line}: {layer} imports {name}, which does not stand below it")
    return found


def test_imports_run_downward():
    found = violations(ROOT)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("file", "line", "sentence"),
    [
        ("thf_jax/ops/sampling.py", "import thf_jax.models.fomm", "thf_jax.ops imports thf_jax.models.fomm"),
        ("thf_jax/ops/sampling.py", "from thf_jax import models", "thf_jax.ops imports thf_jax.models"),
        ("thf_jax/ops/sampling.py", "from ..types import Warp", "thf_jax.ops imports thf_jax.types.Warp"),
        ("thf_jax/losses/__init__.py", "from .. import training", "thf_jax.losses imports thf_jax.training"),
        ("thf_jax/training/loop.py", "def f():\n    import thf_jax", "thf_jax.training imports thf_jax,"),
        ("thf_jax/nn/blocks.py", "from data_pipelines import records", "thf_jax.nn imports data_pipelines.records"),
        ("thf_jax/cli/main.py", "import configs.fomm", "thf_jax.cli imports configs.fomm"),
        ("data_pipelines/loader.py", "from thf_jax.errors import InputError", "data_pipelines imports thf_jax.errors"),
        ("configs/fomm.py", "from thf_jax.training import state", "configs imports thf_jax.training.state"),
        ("experiments/train.py", "from tensorflow import io", "imports tensorflow.io"),
        ("thf_jax/helpers.py", "import math", "belongs to no layer"),
    ],
)
def test_a_planted_import_is_caught(tmp_path, file, line, sentence):
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(f'"""Planted."""\n\n{line}\n')
    (found,) = violations(tmp_path)
    at = 1 if "no layer" in sentence else 2 + len(line.splitlines())
    assert found.startswith(f"{file}:{at}: ")
    assert sentence in found


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("thf_jax/types.py", "from thf_jax.ops import motion"),
        ("thf_jax/inference/animate.py", "from thf_jax.interop import model_directory"),
        ("thf_jax/__init__.py", "from thf_jax.inference.load import load"),
        ("thf_jax/training/loop.py", "from data_pipelines import loader"),
        ("configs/debug.py", "from configs import fomm\nfrom thf_jax import models"),
        ("experiments/train.py", "from thf_jax.training import loop\nimport torchmetrics"),
    ],
)
def test_a_downward_import_is_allowed(tmp_path, file, line):
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(f"{line}\n")
    assert violations(tmp_path) == []


def test_import_starts_no_device_and_no_other_framework(tmp_path):
    for name in FOREIGN:  # stand-ins, so that an import of one succeeds and shows even where none is installed
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    script = (
        "import sys\n"
        "from thf_jax import animate, load\n"
        f"print([name for name in {FOREIGN} if name in sys.modules])\n"
        "from jax._src import xla_bridge\n"
        "print(xla_bridge.backends_are_initialized())\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "False"]
