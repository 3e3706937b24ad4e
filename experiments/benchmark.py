"""Measure how fast something is on this machine.

python -m experiments.benchmark [--what input] [--data LOCATION] [--size 64|256] [--seconds 10]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from data_pipelines.augment import color_jitter
from data_pipelines.datasets import DRAWN, open_dataset
from data_pipelines.loader import pair_batches
from experiments.command import command_parser, run_command
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError

Batch = Mapping[str, np.ndarray]


class Speed(NamedTuple):
    """How many pairs came a second, and the milliseconds that all threads of this process worked for one."""

    pairs_per_second: float
    cpu_milliseconds: float


def options() -> Parser:
    """The command's options."""
    parser = command_parser("benchmark", __doc__)
    parser.add_argument("--what", choices=sorted(MEASURE), default="input", help="input: training pairs a second")
    parser.add_argument(
        "--data", default=DRAWN, help="a built dataset, its name, or a folder of splits of clips (drawn heads)"
    )
    parser.add_argument("--data_dir", help="where built datasets lie, if --data is a name such as voxceleb/256")
    parser.add_argument("--split", default="train")
    parser.add_argument("--size", type=int, help="the side of the frames; by default that of the data")
    parser.add_argument("--batch_size", type=int, default=16, help="pairs in a batch")
    parser.add_argument("--threads", type=int, default=2, help="that read and decode")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each line of the result is measured")
    return parser


def measure_input(arguments: argparse.Namespace) -> str:
    """Pairs a second of the loader alone, and with the colour jitter on the device that training would run on."""
    dataset = open_dataset(arguments.data, arguments.split, data_dir=arguments.data_dir, size=arguments.size)
    batches = pair_batches(
        dataset, batch_size=arguments.batch_size, seed=0, repeats=arguments.batch_size, threads=arguments.threads
    )
    jitter = jax.jit(
        lambda key, batch: color_jitter(key, {name: x.astype("float32") / 255 for name, x in batch.items()})
    )
    key = jax.random.key(0)
    lines = [
        f"{arguments.data}, {arguments.split}: {len(dataset.clips)} clips of {dataset.size} x {dataset.size}; "
        f"batches of {arguments.batch_size} pairs, {arguments.threads} threads"
    ]
    uses: dict[str, Callable[[Batch], Any]] = {
        "read, decoded, flipped": lambda batch: batch,
        f"and colours jittered on the {jax.default_backend()}": lambda batch: jitter(key, batch),
    }
    for name, use in uses.items():
        speed = measure(batches, use, seconds=arguments.seconds)
        lines.append(f"{name:34}{speed.pairs_per_second:10,.0f} pairs/s{speed.cpu_milliseconds:10.2f} ms of CPU a pair")
    return "\n".join(lines)


def measure(batches: Iterator[Batch], use: Callable[[Batch], Any], *, seconds: float) -> Speed:
    """How fast batches can be used one after the other, after a few that are not counted.

    The next batch is fetched while a device still works on the one before, as in training.
    """
    for _ in range(3):
        jax.block_until_ready(use(next(batches)))
    pairs, result = 0, None
    start, start_of_work = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        batch = next(batches)
        jax.block_until_ready(result)
        result = use(batch)
        pairs += len(batch["driving"])
    jax.block_until_ready(result)
    return Speed(pairs / (time.perf_counter() - start), 1000 * (time.process_time() - start_of_work) / pairs)


MEASURE: dict[str, Callable[[argparse.Namespace], str]] = {"input": measure_input}


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print the result."""
    if not 0 < arguments.seconds < float("inf"):
        raise InputError(f"--seconds is more than 0, not {arguments.seconds}")
    print(MEASURE[arguments.what](arguments))


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_command("benchmark", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
