"""Train a system.

python -m experiments.train --config configs/fomm.py[:variant] --workdir DIR [--config.path=value ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from data_pipelines.errors import InputError as DataError
from thf_jax.errors import InputError
from thf_jax.training.run_files import write_run_files

CONFIG = config_flags.DEFINE_config_file("config", None, "The configuration: a Python file, and after a colon a variant.")
WORKDIR = flags.DEFINE_string("workdir", None, "Where the run's files go. A run that is there is continued.")
DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of an error.")


def run(config: ConfigDict, workdir: Path) -> None:
    """Train by this config, the files of the run in `workdir`."""
    from data_pipelines.datasets import open_dataset
    from thf_jax.training.loop import train

    dataset = open_dataset(config.data.location, config.data.split, data_dir=config.data.data_dir or None, size=config.size)
    workdir.mkdir(parents=True, exist_ok=True)
    write_run_files(workdir, config, sys.argv[1:])
    train(config, workdir, dataset)


def main(arguments: list[str]) -> None:
    """The command; see the module's docstring."""
    if len(arguments) > 1:
        raise app.UsageError(f"unexpected argument {arguments[1]!r}: options begin with --")
    if CONFIG.value is None or WORKDIR.value is None:
        raise app.UsageError("both --config and --workdir are needed")
    from thf_jax.training.progress import NonFiniteLossError

    try:
        run(CONFIG.value, Path(WORKDIR.value))
    except (InputError, DataError, NonFiniteLossError) as error:
        if DEBUG.value:
            raise
        print(f"train: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, NonFiniteLossError) else 2)


if __name__ == "__main__":
    app.run(main)
