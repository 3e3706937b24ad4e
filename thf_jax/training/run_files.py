"""What a run directory says of how it was made and how it went: `config.json`, `run.json` and `metrics.jsonl`."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from thf_jax.inference.outputs import appearing

METRICS = "metrics.jsonl"
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


def append_metrics(workdir: Path, step: int, metrics: Mapping[str, float]) -> None:
    """Add a line to `metrics.jsonl`: the means since the line before it."""
    with (workdir / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, **metrics}) + "\n")


@dataclasses.dataclass(frozen=True)
class Run:
    """What is written down of a run."""

    config: dict[str, Any]
    arguments: list[str]
    metrics: list[dict[str, float]]
    """In the order of their steps. Where a run was resumed, what it did again counts."""

    @property
    def step(self) -> int:
        """The last step that was written down; 0 where none was."""
        return int(self.metrics[-1]["step"]) if self.metrics else 0


def read_run(workdir: Path) -> Run | None:
    """What is written down of the run in this folder; None where the folder is not that of a run."""
    files = workdir / "config.json", workdir / "run.json"
    if not all(file.is_file() for file in files):
        return None
    config, run = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    lines = (workdir / METRICS).read_text(encoding="utf-8").splitlines() if (workdir / METRICS).is_file() else []
    by_step = {entry["step"]: entry for entry in map(json.loads, filter(_complete, lines))}
    return Run(config, run["arguments"], [by_step[step] for step in sorted(by_step)])


def _complete(line: str) -> bool:
    """Whether a line was written to its end, which the last one before a kill may not be."""
    return line.endswith("}")


def source_revision() -> str | None:
    """The git commit of this source tree, with `+changes` where it was changed since; None outside a checkout."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
