"""What a run directory says of how it was made and how it went: `config.json`, `run.json` and `metrics.jsonl`."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ml_collections import ConfigDict

from thf_jax.errors import InputError
from thf_jax.inference.outputs import appearing

METRICS = "metrics.jsonl"
EVALUATED = "eval/"
"""Before the names of what was measured on held-out clips, in lines of their own."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy")


FIXED = (
    "seed",
    "train.batch_size",
    "data.split",
    "data.sources",
    "data.identity_sampling",
    "data.repeats",
    "data.time_flip",
    "data.mirror",
)
"""Entries of a config that say which pictures a step sees: with others, a run would not go on where it stopped."""


def changes_since(workdir: Path, config: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """What this config changes in the run in this folder: entries by their dotted names, before and now.

    Raises:
        InputError: one of `FIXED` is among them.
    """
    file = workdir / "config.json"
    if not file.is_file():
        return {}
    before, now = (_entries(json.loads(text)) for text in (file.read_text(encoding="utf-8"), config.to_json()))
    changes = {
        entry: (before.get(entry), now.get(entry))
        for entry in sorted({*before, *now})
        if before.get(entry) != now.get(entry)
    }
    for entry in FIXED:
        if entry in changes and entry in before:
            raise InputError(
                f"the run in {workdir} was begun with {entry}={changes[entry][0]} and cannot go on with "
                f"{changes[entry][1]}: give another workdir, and its networks by --config.train.start_from={workdir}"
            )
    return changes


def _entries(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    entries = {}
    for name, value in tree.items():
        entries |= _entries(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return entries


def write_run_files(
    workdir: Path,
    config: ConfigDict,
    arguments: list[str],
    changes: Mapping[str, tuple[Any, Any]] = MappingProxyType({}),
) -> None:
    """Write the whole config, and the command line, source revision and package versions that go with it.

    Where the run was begun with other ones, these stay in `run.json` under `before`.

    Args:
        changes: of the config, see `changes_since`.
    """
    run: dict[str, Any] = {
        "arguments": arguments,
        "seed": config.seed,
        "revision": source_revision(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }
    if changes:
        run["changes"] = {entry: list(values) for entry, values in changes.items()}
    if (workdir / "run.json").is_file():
        former = json.loads((workdir / "run.json").read_text(encoding="utf-8"))
        before = former.pop("before", [])
        run["before"] = before if former == run else [*before, former]
    for name, content in (("config.json", json.loads(config.to_json())), ("run.json", run)):
        with appearing(workdir / name) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")


def append_metrics(workdir: Path, step: int, metrics: Mapping[str, float]) -> None:
    """Add a line to `metrics.jsonl`: the means since the line before it, or the scores of an evaluation."""
    with (workdir / METRICS).open("a+b") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            broken = file.read(1) != b"\n"  # a killed run may have left half a line
            file.write(b"\n" * broken)
        file.write(json.dumps({"step": step, **metrics}).encode() + b"\n")


@dataclasses.dataclass(frozen=True)
class Run:
    """What is written down of a run."""

    config: dict[str, Any]
    arguments: list[str]
    metrics: list[dict[str, float]]
    """In the order of their steps. Where a run was resumed, what it did again counts."""
    evaluations: list[dict[str, float]] = dataclasses.field(default_factory=list)
    """Likewise, of held-out clips: `{"step": ..., "l1": ..., "l1_copying": ...}`."""

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
    entries = [json.loads(line) for line in lines if _complete(line)]
    held_out = [any(name.startswith(EVALUATED) for name in entry) for entry in entries]
    trained, evaluated = (
        {entry["step"]: entry for entry, found in zip(entries, held_out, strict=True) if found == kind}
        for kind in (False, True)
    )
    evaluations = [
        {name.removeprefix(EVALUATED): value for name, value in evaluated[step].items()} for step in sorted(evaluated)
    ]
    return Run(config, run["arguments"], [trained[step] for step in sorted(trained)], evaluations)


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
