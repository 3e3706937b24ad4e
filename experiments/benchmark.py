"""Measure how fast something is on this machine.

python -m experiments.benchmark [--what input] [--data LOCATION] [--size 64|256] [--seconds 10]
python -m experiments.benchmark --what train [--config configs/fomm.py] [--config.path=value ...]
python -m experiments.benchmark --what animate [--model fomm-mini64]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from data_pipelines.augment import color_jitter
from data_pipelines.datasets import DRAWN, open_dataset
from data_pipelines.loader import pair_batches
from experiments.command import command_parser, run_configured
from experiments.configuration import load_config
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.inference.animate import animate
from thf_jax.inference.load import load
from thf_jax.training import parallel
from thf_jax.training.programs import batch_shapes
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import parallel_step

Batch = Mapping[str, np.ndarray]


class Speed(NamedTuple):
    """How many pairs came a second, and the milliseconds that all threads of this process worked for one."""

    pairs_per_second: float
    cpu_milliseconds: float


def options() -> Parser:
    """The command's options."""
    parser = command_parser("benchmark", __doc__)
    parser.add_argument(
        "--what",
        choices=sorted(MEASURE),
        default="input",
        help="input: training pairs a second; train: the train step alone; animate: frames of a portrait in motion",
    )
    parser.add_argument("--config", default="configs/fomm.py:mini64", help="train: a file and its variant")
    parser.add_argument("--model", default="fomm-mini64", help="animate: a model (%(default)s)")
    parser.add_argument(
        "--data", default=DRAWN, help="a built dataset, its name, or a folder of splits of clips (drawn heads)"
    )
    parser.add_argument("--data_dir", help="where built datasets lie, if --data is a name such as voxceleb/256")
    parser.add_argument("--split", default="train")
    parser.add_argument("--size", type=int, help="the side of the frames; by default that of the data")
    parser.add_argument("--batch_size", type=int, default=16, help="input: pairs in a batch")
    parser.add_argument("--threads", type=int, default=2, help="that read and decode")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each thing is measured")
    return parser


def measure_input(arguments: argparse.Namespace, _: Sequence[str]) -> str:
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


def measure_train(arguments: argparse.Namespace, overrides: Sequence[str]) -> str:
    """The time of the train step alone, on all devices, random pictures standing ready."""
    config = load_config(arguments.config, overrides)
    for network in ("perceptual", "identity"):  # what the weights are makes no difference here
        config[network].weights = config[network].weights or "random"
    mesh, count = parallel.data_mesh(), config.train.batch_size
    parallel.local_batch_size(count, mesh, config.train.accumulate)
    recipe = build_recipe(config, 1000)
    state = initial_state(config, recipe, jax.random.key(config.seed))
    layout = parallel.shardings(state, mesh, shard_parameters=config.train.shard_parameters)
    frozen, key = parallel.replicate((frozen_variables(config, recipe), jax.random.key(0)), mesh)
    state, step = parallel.place(state, layout), parallel_step(recipe, layout, mesh)
    batch = parallel.to_devices(_random_batch(batch_shapes(config, recipe)), mesh)
    start = time.perf_counter()
    compiled = step.lower(state, frozen, batch, key).compile()
    took = time.perf_counter() - start

    def one() -> None:
        nonlocal state
        state, metrics = compiled(state, frozen, batch, key)
        jax.block_until_ready(metrics)

    seconds = median_seconds(one, arguments.seconds)
    return (
        f"{config.system} at {config.size} px, batches of {count} on {mesh.size} {jax.default_backend()} device(s): "
        f"{1000 * seconds:,.1f} ms a step, {count / seconds:,.1f} images/s "
        f"({count / seconds / mesh.size:,.1f} a device), after {took:.0f} s of compilation"
    )


def _random_batch(shapes: Mapping[str, jax.ShapeDtypeStruct]) -> Batch:
    random = np.random.default_rng(0)
    return {name: random.integers(0, 91, like.shape).astype(like.dtype) for name, like in shapes.items()}


def measure_animate(arguments: argparse.Namespace, _: Sequence[str]) -> str:
    """The time of a frame of a portrait in motion, without reading and writing files."""
    animator = load(arguments.model)
    side = animator.size
    pictures = np.random.default_rng(0).integers(0, 256, (8, side, side, 3), np.uint8)
    frames = animate(animator, pictures[0], itertools.cycle(pictures))
    seconds = median_seconds(lambda: jax.block_until_ready(next(frames).image), arguments.seconds)
    speed = f"{1000 * seconds:,.1f} ms a frame, {1 / seconds:,.1f} frames/s"
    return f"{arguments.model} ({animator.system}) at {side} px: {speed}"


def median_seconds(action: Callable[[], object], seconds: float) -> float:
    """How long this takes, done again and again for so many seconds, after three times that do not count."""
    for _ in range(3):
        action()
    taken, end = [], time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


MEASURE: dict[str, Callable[[argparse.Namespace, Sequence[str]], str]] = {
    "input": measure_input,
    "train": measure_train,
    "animate": measure_animate,
}


def run(arguments: argparse.Namespace, overrides: Sequence[str]) -> None:
    """Measure, and print the result."""
    if not 0 < arguments.seconds < float("inf"):
        raise InputError(f"--seconds is more than 0, not {arguments.seconds}")
    if overrides and arguments.what != "train":
        raise InputError(f"{overrides[0]} is of a configuration, which --what {arguments.what} has none of")
    print(MEASURE[arguments.what](arguments, overrides))


def main(arguments: list[str] | None = None) -> int:
    """The command's exit status: 0 done, 1 the work failed, 2 for wrong input."""
    return run_configured("benchmark", options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
