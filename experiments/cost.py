"""What a training step costs on so many devices, computed from its compiled program: a Markdown table.

python -m experiments.cost [--config configs/fomm.py[:variant] ...] [--devices 1,8,64,256] [--batch 1,4]
    [--remat none,everything] [--page docs/pod.md] [--config.path=value ...]

Nothing is trained, and only CPUs are needed: the step is compiled for fake ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from experiments.command import command_parser, run_configured, write_section
from experiments.configuration import load_config
from thf_jax.cli.parser import Parser
from thf_jax.training import parallel
from thf_jax.training.config import Config
from thf_jax.training.programs import collective_bytes, traced_step

NAME = "cost"
COMPILED = 8
"""Devices of the one program from which those of all larger counts are derived."""
NOTE = f"""Of one step, for one device: among so many in the first table, alone in the second. Computed from the \
program that XLA compiles for CPUs; compilers for GPUs and TPUs fuse and lay out otherwise, so bytes and memory are a \
guide. For more than one device it is compiled once, for {COMPILED} or the fewest asked for: what is all-reduced \
(gradients and statistics, those of a network that runs several times in a step as often) does not depend on their \
number n, and in a ring each device sends 2 (n - 1) / n of it, and (n - 1) / n of what is gathered."""
STEP = ["config", "devices", "batch", "GFLOPs", "GB accessed", "MB reduced or gathered", "MB sent"]
MEMORY = ["config", "train.remat", "batch", "MB of state and batch", "MB of activations and other temporaries"]


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one step on one device."""

    flops: float
    accessed: float
    arguments: int
    temporary: int
    collectives: dict[str, int]


def options() -> Parser:
    """The command's options."""
    parser = command_parser(NAME, __doc__)
    parser.add_argument("--config", nargs="+", default=["configs/fomm.py"], metavar="FILE[:VARIANT]")
    parser.add_argument("--devices", type=_numbers, default=[1, 8, 64, 256], help="how many, several with commas")
    parser.add_argument("--batch", type=_numbers, default=[1, 4], help="on each device, several with commas")
    parser.add_argument(
        "--remat", default="", help="names of train.remat, several with commas; the config's own if empty"
    )
    parser.add_argument("--page", type=Path, help="a Markdown page of which the tables become a section")
    return parser


def _numbers(text: str) -> list[int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise argparse.ArgumentTypeError(f"numbers are given as 1,8,64, not as {text!r}")
    return sorted({int(number) for number in text.split(",")})


def run(choices: argparse.Namespace, overrides: Sequence[str] = ()) -> None:
    """Print the tables, and write them where asked."""
    _make_devices()
    configs = {name: load_config(name, overrides) for name in choices.config}
    policies = choices.remat.split(",") if choices.remat else [""]
    several = min([COMPILED, *(count for count in choices.devices if count > 1)])
    largest = choices.batch[-1], policies[0]
    alone = [(1, batch, policy) for policy in policies for batch in choices.batch]
    steps, memory = [], []
    for name, config in configs.items():
        wanted = [*((min(count, several), *largest) for count in choices.devices), *alone]
        costs = {case: measure(config, *case) for case in dict.fromkeys(wanted)}
        steps += [[name, *_step_row(costs[min(n, several), *largest], n, largest[0])] for n in choices.devices]
        memory += [[name, *_memory_row(costs[case], *case[1:])] for case in alone]
    text = "\n\n".join([_markdown(STEP, steps), _markdown(MEMORY, memory), NOTE])
    print(text)
    if choices.page:
        write_section(choices.page, NAME, text)


def _make_devices() -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", COMPILED)


def measure(config: Config, devices: int, batch: int, policy: str) -> Cost:
    """The cost of a step with so many examples on each of so many devices.

    Raises:
        InputError: there is no such rematerialisation.
    """
    changes = {"train.batch_size": batch * devices} | ({"train.remat": policy} if policy else {})
    config = config.copy_and_resolve_references()
    config.update_from_flattened_dict(changes)
    traced = traced_step(config, parallel.data_mesh(jax.devices()[:devices]))
    # This leaves the program as it is, and only spares the work of making it fast.
    compiled = traced.lower().compile(compiler_options={"xla_backend_optimization_level": "0"})
    readers = compiled.cost_analysis, compiled.memory_analysis, compiled.as_text
    analysis, memory, program = (_known(read()) for read in readers)
    print(f"compiled {config.system} for {devices} devices with {batch} examples each", file=sys.stderr, flush=True)
    return Cost(
        analysis["flops"],
        analysis["bytes accessed"],
        memory.argument_size_in_bytes,
        memory.temp_size_in_bytes,
        collective_bytes(program),
    )


def _known(value: Any) -> Any:
    if value is None:
        raise RuntimeError("this version of XLA does not say what its program costs")
    return value


def sent(collectives: dict[str, int], devices: int) -> float:
    """How many bytes each device sends, in rings."""
    share = (devices - 1) / devices
    return sum(bytes * (2 if name == "all-reduce" else 1) * share for name, bytes in collectives.items())


def _step_row(cost: Cost, devices: int, batch: int) -> list[str]:
    exchanged = sum(cost.collectives.values())
    numbers = cost.flops / 1e9, cost.accessed / 1e9, exchanged / 1e6, sent(cost.collectives, devices) / 1e6
    return [str(devices), str(devices * batch), *(f"{number:,.1f}" for number in numbers)]


def _memory_row(cost: Cost, batch: int, policy: str) -> list[str]:
    return [policy or "as configured", str(batch), *(f"{x / 1e6:,.0f}" for x in (cost.arguments, cost.temporary))]


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's exit status."""
    return run_configured(NAME, options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
