"""What a run directory says of how it was made: `config.json` and `run.json`."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

from ml_collections import ConfigDict

from thf_jax.inference.outputs import appearing

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy")


def write_run_files(workdir: Path, config: ConfigDict, arguments: list[str]) -> None:
    """Write the whole config, and the command line, source revision and package versions that go with it."""
    run = {
        "arguments": arguments,
        "seed": config.seed,
        "revision": source_revision(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }
    for name, content in (("config.json", json.loads(config.to_json())), ("run.json", run)):
        with appearing(workdir / name) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")


def source_revision() -> str | None:
    """The git commit of this source tree, with `+changes` where it was changed since; None outside a checkout."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
