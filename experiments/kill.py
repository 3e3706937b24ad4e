"""Kill a small run again and again, and see that it ends as one that nothing happened to, bit for bit.

python -m experiments.kill --workdir DIR [--kills 20] [--seed 0] [--config configs/fomm.py:debug] [--config.x=value ...]
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.command import command_parser, with_overrides
from experiments.equal_runs import UnequalError, compare, complete
from thf_jax.cli.exit_status import exit_status
from thf_jax.cli.parser import Parser
from thf_jax.errors import InputError
from thf_jax.training.checkpoints import FOLDER
from thf_jax.training.retention import TEMPORARY

SAVE_EVERY = 2
PER_KILL = 6
"""Steps of the run for each kill: more than one kill can let it advance."""
MOMENTS = ("starting", "stepping", "saving")
STANDS_AT = re.compile(r"^step (\d+) of \d+, on", re.MULTILINE)
LAST_STEP = re.compile(r"^step (\d+)/", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Kill:
    """What was seen of one kill."""

    moment: str
    began_at: int
    """The step of the checkpoint that the killed process had gone on from."""
    reached: int
    """The last step that it told of; that of `began_at` where it told of none."""


def options() -> Parser:
    """The command's own options; those that begin with `--config.` are handed to `experiments.train`."""
    parser = command_parser("kill", __doc__)
    parser.add_argument("--workdir", required=True, type=Path, help="a new folder, for the two runs to be compared")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--config", default="configs/fomm.py:debug")
    return parser


def training(config: str, workdir: Path, kills: int, overrides: Sequence[str]) -> list[str]:
    """The command that trains."""
    steps = max(1, kills) * PER_KILL
    settings = {"steps": steps, "save_every": SAVE_EVERY, "log_every": 1, "sample_every": 5, "keep": 2}
    words = [f"--config.train.{name}={value}" for name, value in settings.items()]
    train = [sys.executable, "-m", "experiments.train", "--config", config, "--workdir", str(workdir)]
    return [*train, *words, *overrides]


def whole(command: Sequence[str], log: Path) -> None:
    """A run that nothing happens to.

    Raises:
        UnequalError: it fails by itself.
    """
    if _started(command, log).wait() != 0:
        raise UnequalError(f"the run that is not killed fails by itself: {_last_line(log)}")


def seconds_to_first_step(command: Sequence[str], log: Path) -> float:
    """How long a process takes from its start to its first step; it is killed then, or ends by itself."""
    began = time.monotonic()
    process = _started(command, log)
    _until(process, None, lambda: LAST_STEP.search(log.read_text()) is not None)
    process.kill()
    process.wait()
    return time.monotonic() - began


def drawn_moments(kills: int, rng: random.Random) -> list[str]:
    """In any order, a third of the moments each while a process starts, while it takes steps and while it saves."""
    moments = [MOMENTS[number % len(MOMENTS)] for number in range(kills)]
    rng.shuffle(moments)
    return moments


def kill_again_and_again(
    command: Sequence[str],
    workdir: Path,
    moments: Sequence[str],
    rng: random.Random,
    *,
    until_first: float,
    say: Callable[[str], None] = print,
) -> list[Kill]:
    """What was seen of the kills of a run that is started anew after each of them, and once more to its end.

    Args:
        moments: of the kills. `starting` is any time until the first step: imports, compiling, restoring; `stepping` is
            after a step; `saving` is any time after the first file of a new checkpoint is there, so also while an old
            one is deleted.
        until_first: the seconds from the start to the first step.

    Raises:
        UnequalError: a restart does not go on from the newest complete checkpoint, or fails.
    """
    seen = []
    for kind in [*moments, "end"]:
        expected = max(complete(workdir), default=0)
        log = workdir.with_suffix(".log")
        process = _started(command, log)
        alive = _wait(process, kind, workdir, log, expected, rng, until_first)
        process.kill()
        status, text = process.wait(), log.read_text()
        stands = [int(step) for step in STANDS_AT.findall(text)]
        if stands and stands != [expected]:
            raise UnequalError(f"a restart went on from step {stands[0]}, and the newest checkpoint was {expected}")
        if (kind == "end" and status != 0) or (not alive and status > 0):
            raise UnequalError(f"a restart failed by itself: {_last_line(log)}")
        if kind != "end" and not alive:
            raise UnequalError(f"the run was at its end after {len(seen)} kills: give another --seed")
        seen.append(Kill(kind, expected, max(map(int, LAST_STEP.findall(text)), default=expected)))
        say(f"{kind}: went on from step {expected}, reached {seen[-1].reached}")
    return seen[:-1]


def _started(command: Sequence[str], log: Path) -> subprocess.Popen:
    """The command, at work. What one start compiled the next ones find, as they do on a machine that is preempted."""
    compiled = {
        "JAX_COMPILATION_CACHE_DIR": str(log.parent.absolute() / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    with log.open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env={**compiled, **os.environ})


def _wait(
    process: subprocess.Popen, kind: str, workdir: Path, log: Path, expected: int, rng: random.Random, first: float
) -> bool:
    """Whether the process still lives at a moment of this kind, to which it is given time."""
    if kind == "end":
        process.wait()
    elif kind == "starting":
        _until(process, rng.uniform(0, first), lambda: False)
    elif kind == "stepping":
        target = expected + rng.randint(1, 3 * SAVE_EVERY)
        _until(process, None, lambda: max(map(int, LAST_STEP.findall(log.read_text())), default=0) >= target)
        _until(process, rng.uniform(0, 0.05), lambda: False)
    else:
        _until(process, None, lambda: _is_saving(workdir, log))
        _until(process, 10 ** rng.uniform(-3, -0.3), lambda: False)  # machines write at very different speeds
    return process.poll() is None


def _until(process: subprocess.Popen, seconds: float | None, reached: Callable[[], bool]) -> None:
    """Wait for so long, until something is reached, or until the process ends."""
    end = None if seconds is None else time.monotonic() + seconds
    while process.poll() is None and not reached() and (end is None or time.monotonic() < end):
        time.sleep(0.002)


def _is_saving(workdir: Path, log: Path) -> bool:
    """Whether a checkpoint is being written; what an earlier kill left half-written is gone before the run begins."""
    return bool(STANDS_AT.search(log.read_text())) and any((workdir / FOLDER).glob(f"*{TEMPORARY}*"))


def _last_line(log: Path) -> str:
    return next(iter(log.read_text().strip().splitlines()[-1:]), "it said nothing")


def run(arguments: argparse.Namespace, overrides: Sequence[str]) -> list[Kill]:
    """Run twice, once undisturbed, and compare."""
    if arguments.kills < 1:
        raise InputError(f"--kills is 1 or more, not {arguments.kills}")
    if arguments.workdir.exists() and any(arguments.workdir.iterdir()):
        raise InputError(f"{arguments.workdir} is not empty: give a new folder")
    whole_run, killed_run = (arguments.workdir / name for name in ("whole", "killed"))
    arguments.workdir.mkdir(parents=True, exist_ok=True)
    commands = [training(arguments.config, folder, arguments.kills, overrides) for folder in (whole_run, killed_run)]
    whole(commands[0], whole_run.with_suffix(".log"))
    # With everything compiled, as the restarts find it.
    until_first = seconds_to_first_step(commands[1], killed_run.with_suffix(".log"))
    print(f"{until_first:.1f} s to the first step", flush=True)
    rng = random.Random(arguments.seed)
    moments = drawn_moments(arguments.kills, rng)
    say = functools.partial(print, flush=True)
    seen = kill_again_and_again(commands[1], killed_run, moments, rng, until_first=until_first, say=say)
    print(f"killed {len(seen)} times: {compare(whole_run, killed_run)}")
    return seen


def main(words: Sequence[str] | None = None) -> int:
    """The command's exit status: 0 all is equal, 1 it is not, 2 for wrong input."""
    return exit_status("kill", with_overrides(options, run), words)


if __name__ == "__main__":
    sys.exit(main())
