"""What the commands that score models share: how they end, and how they write."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_pipelines.errors import InputError as DataError
from thf_jax.errors import InputError
from thf_jax.inference.outputs import appearing


def status(name: str, run: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> int:
    """The exit status of `run(arguments)`: 0 done; 2 for wrong input, after one sentence unless `--debug` is given."""
    try:
        run(arguments)
    except (InputError, DataError) as error:
        if arguments.debug:
            raise
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    return 0


def write_json(target: Path, results: dict[str, Any]) -> None:
    """The results as a file, which appears whole or not at all."""
    with appearing(target) as partial:
        partial.write_text(json.dumps(results, indent=2) + "\n")
