"""The pinned requirements fit what the package declares, and the wheel holds all that the commands need."""

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import thf_jax

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INSTALLED = ("thf_jax", "data_pipelines")


def pins(file: str) -> dict[str, str]:
    """Name to version of every line of a requirements file; a line that is no exact pin fails."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    versions = {}
    for line in (line for line in lines if not line.startswith("#")):
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert specifier.operator == "==" and requirement.url is None, line
        versions[canonicalize_name(requirement.name)] = specifier.version
    return versions


@pytest.mark.parametrize(
    ("declared", "file"),
    [
        (PROJECT["dependencies"], "requirements.txt"),
        (PROJECT["optional-dependencies"]["dev"], "requirements-dev.txt"),
    ],
)
def test_every_declared_dependency_is_pinned_within_its_bounds(declared, file):
    versions = pins(file)
    for requirement in map(Requirement, declared):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None and requirement.specifier.contains(version), f"{requirement} in {file}: {version}"


def test_the_test_environment_extends_the_runtime_environment():
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_tensorflow_and_torch_are_not_among_the_pins():
    assert pins("requirements-dev.txt").keys().isdisjoint({"tensorflow", "tensorflow-cpu", "keras", "torch"})


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel):
    files = (file for package in INSTALLED for file in (ROOT / package).rglob("*") if file.is_file())
    expected = {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_the_wheel_says_its_version_and_command(wheel):
    information = f"thf_jax-{thf_jax.__version__}.dist-info"
    assert "thf = thf_jax.cli.main:main" in wheel.read(f"{information}/entry_points.txt").decode()
    assert f"{information}/licenses/LICENSE" in wheel.namelist()
