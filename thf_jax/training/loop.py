"""A run: data, state and step wired together, resumed where it stopped."""

from __future__ import annotations

import collections
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from data_pipelines.loader import pair_batches
from thf_jax.errors import InputError
from thf_jax.training import checkpoints, parallel
from thf_jax.training.config import Config
from thf_jax.training.progress import Progress
from thf_jax.training.run_files import write_run_files
from thf_jax.training.samples import sample_picture
from thf_jax.training.setup import build_recipe, first_stage, frozen_variables, initial_state
from thf_jax.training.state import TrainState, count_parameters
from thf_jax.training.step import train_step


def train(
    config: Config,
    workdir: Path,
    dataset: Any,
    *,
    devices: Sequence[Any] | None = None,
    arguments: Sequence[str] = (),
) -> TrainState:
    """The state after the last step of this config's run; a run that was stopped goes on from its newest checkpoint.

    Writes `config.json`, `run.json`, checkpoints, TensorBoard files and sample pictures into `workdir`.

    Args:
        dataset: an open split of `data_pipelines`, with frames of `config.size`.
        devices: all by default.
        arguments: the command line, for `run.json`.

    Raises:
        InputError: the config does not fit itself, the data or the checkpoints that are there.
        NonFiniteLossError: a loss term is not finite; nothing is saved after that.
    """
    _check_intervals(config.train)
    mesh = parallel.data_mesh(devices)
    batches = _batches(config, dataset, mesh)
    steps = total_steps(config, dataset)
    recipe = build_recipe(config, steps)
    key = jax.random.key(config.seed)
    state = initial_state(config, recipe, jax.random.fold_in(key, 2**31 - 1))
    layout = parallel.shardings(state, mesh, shard_parameters=config.train.shard_parameters)
    frozen, key = parallel.replicate((frozen_variables(config, recipe), key), mesh)
    step_function = jax.jit(
        functools.partial(train_step, recipe), donate_argnums=0, out_shardings=(layout, parallel.replicated(mesh))
    )
    progress = Progress(workdir, every=config.train.log_every, images_per_step=config.train.batch_size, steps=steps)
    pending = collections.deque()
    compiled = None
    parallel.wait_for_all("the checkpoints")
    with checkpoints.open_checkpoints(workdir, keep=config.train.keep, create=True) as manager:
        if manager.latest_step() is None:
            state = first_stage(config, state)
        state = checkpoints.restore(manager, parallel.place(state, layout), batches)
        # Not before the checkpoints are known to fit: another configuration would make those that are there unreadable.
        if jax.process_index() == 0:
            write_run_files(workdir, config, list(arguments))
        _describe(state, steps, mesh)
        for number in range(int(state.step) + 1, steps + 1):
            batch = parallel.to_devices(progress.wait_for(batches), mesh)
            compiled = compiled or _compiled(step_function, state, frozen, batch, key)
            state, metrics = compiled(state, frozen, batch, key)
            pending.append((number, metrics))
            saving, sampling = (
                number % every == 0 or number == steps for every in (config.train.save_every, config.train.sample_every)
            )
            # One step stays unread, so that the host prepares the next batch while the devices compute this one.
            while len(pending) > (0 if saving or sampling else 1):
                progress.add(*pending.popleft())
            if sampling:
                variables = parallel.whole(state.animator.variables, mesh)
                if jax.process_index() == 0:
                    seen = parallel.local_copy((variables, batch))
                    progress.picture(number, sample_picture(recipe, *seen))
            if saving:
                checkpoints.save(manager, state, batches)
        manager.wait_until_finished()
    parallel.wait_for_all("the last checkpoint")
    progress.close()
    return state


def _compiled(step_function: Any, *arguments: Any) -> Any:
    """The step for these arguments, once every process has it: the first collective waits for nobody who compiles."""
    compiled = step_function.lower(*arguments).compile()
    parallel.wait_for_all("the first step")
    return compiled


def _check_intervals(settings: Config) -> None:
    for name in ("log_every", "sample_every", "save_every", "keep"):
        if settings[name] < 1:
            raise InputError(f"train.{name} is 1 or more, not {settings[name]}")


def total_steps(config: Config, dataset: Any) -> int:
    """The length of the run: `train.steps`, or as many as `train.epochs` epochs of this split have."""
    if config.train.steps > 0:
        return config.train.steps
    items = len({clip.identity for clip in dataset.clips}) if config.data.identity_sampling else len(dataset.clips)
    return max(1, math.floor(items * config.data.repeats / config.train.batch_size * config.train.epochs))


def _batches(config: Config, dataset: Any, mesh: Mesh) -> Any:
    if dataset.size != config.size:
        raise InputError(
            f"the data's frames are {dataset.size} px wide and config.size is {config.size}: "
            f"build the data at {config.size}, or give --config.size={dataset.size}"
        )
    return pair_batches(
        dataset,
        batch_size=parallel.local_batch_size(config.train.batch_size, mesh),
        seed=config.seed,
        sources=config.data.sources,
        stranger=config.loss.stranger != 0,
        pose=config.loss.head_pose != 0,
        identity_sampling=config.data.identity_sampling,
        repeats=config.data.repeats,
        time_flip=config.data.time_flip,
        mirror=config.data.mirror,
        shard_index=jax.process_index(),
        shard_count=jax.process_count(),
        threads=config.data.threads,
    )


def _describe(state: TrainState, steps: int, mesh: Mesh) -> None:
    """The networks' sizes and where the run stands, on the terminal."""
    if jax.process_index() != 0:
        return
    for name, network in (("animator", state.animator), ("discriminator", state.discriminator)):
        if network is not None:
            for part, params in network.params.items():
                print(f"{name} {part}: {count_parameters(params):,} parameters")
    print(f"step {int(state.step)} of {steps}, on {mesh.size} {mesh.devices.flat[0].platform} device(s)", flush=True)
