"""A run: data, state and step wired together, resumed where it stopped."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from data_pipelines.loader import pair_batches
from thf_jax.errors import InputError
from thf_jax.training import checkpoints, parallel
from thf_jax.training.agreement import check_alike, fingerprint
from thf_jax.training.checkpoints import open_checkpoints
from thf_jax.training.claim import claimed
from thf_jax.training.config import Config
from thf_jax.training.held_out import held_out_scores
from thf_jax.training.occasions import check_occasions, occasion
from thf_jax.training.preemption import stop_requests
from thf_jax.training.progress import Progress
from thf_jax.training.recipe import Recipe
from thf_jax.training.retention import preserved
from thf_jax.training.run_files import changes_since, write_run_files
from thf_jax.training.samples import sample_picture
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.state import TrainState, count_parameters
from thf_jax.training.step import parallel_step
from thf_jax.training.wandb_copy import wandb_copy
from thf_jax.training.warm_start import warm_start


def train(
    config: Config,
    workdir: Path,
    dataset: Any,
    *,
    held_out: Any = None,
    devices: Sequence[Any] | None = None,
    arguments: Sequence[str] = (),
) -> TrainState:
    """The state after the last step of this config's run; a run that was stopped goes on from its newest checkpoint.

    Writes `config.json`, `run.json`, checkpoints, TensorBoard files and sample pictures into `workdir`.

    Args:
        dataset: an open split of `data_pipelines`, with frames of `config.size`.
        held_out: another one, for the evaluation that `config.evaluate` describes.
        devices: all by default.
        arguments: the command line, for `run.json`.

    Raises:
        InputError: the config does not fit itself, the data or the checkpoints that are there, another run is at work
            in the folder, or the processes of this one do not have the same config, clips, weights or folder.
        NonFiniteLossError: a loss term is not finite, or was not in too many steps in a row where such steps are
            skipped; nothing is saved after that.
        PreemptedError, KeyboardInterrupt: a signal asked the run to stop; what it did is saved, see `preemption`.
    """
    mesh = parallel.data_mesh(devices)
    steps, recipe, batches = _checked(config, dataset, held_out, mesh)
    check_alike(configuration=config.to_json(), clips=repr(dataset.clips))
    key = jax.random.key(config.seed)
    state = initial_state(config, recipe, jax.random.fold_in(key, 2**31 - 1))
    layout = parallel.shardings(state, mesh, shard_parameters=config.train.shard_parameters)
    frozen = frozen_variables(config, recipe)
    step_function = parallel_step(recipe, layout, mesh)
    pending = collections.deque()
    compiled = None
    with (
        claimed(workdir),
        stop_requests() as stop,
        open_checkpoints(workdir, keep=preserved(config), create=True) as manager,
    ):
        restored, origin = checkpoints.restore(manager, parallel.shapes(state, layout), batches), ""
        changes = {} if restored is None else changes_since(workdir, config)
        if restored is None:
            state, origin = warm_start(config, state)
        check_alike(networks_to_begin_with=fingerprint((state if restored is None else None, frozen)))
        state = parallel.place(state, layout) if restored is None else restored
        frozen, key = parallel.replicate((frozen, key), mesh)
        # Not before the checkpoints are known to fit: another configuration would make those that are there unreadable.
        parallel.wait_for_all("the run's files")
        if jax.process_index() == 0:
            write_run_files(workdir, config, list(arguments), changes)
        progress = _progress(config, workdir, steps, mesh)
        _describe(state, steps, mesh, origin, changes)
        begun = int(state.step)
        for number in range(begun + 1, begun + 1 if stop.reached() else steps + 1):
            batch = parallel.to_devices(progress.wait_for(batches), mesh)
            compiled = compiled or _compiled(step_function, state, frozen, batch, key)
            state, metrics = compiled(state, frozen, batch, key)
            pending.append((number, metrics))
            stopping = stop.reached()
            due = occasion(config, number, steps, stopping=stopping)
            # One step stays unread, so that the host prepares the next batch while the devices compute this one.
            while len(pending) > (0 if any(due) else 1):
                progress.add(*pending.popleft())
            if due.sampling:
                _sample(recipe, state, batch, mesh, progress)
            scores = _evaluate(config, state, mesh, held_out, progress) if due.evaluating else None
            if due.saving:
                checkpoints.save(manager, state, batches, scores)
            if stopping:
                break
        manager.wait_until_finished()
        parallel.wait_for_all("the last checkpoint")
        progress.close()
        stop.end()
    return state


def _compiled(step_function: Any, *arguments: Any) -> Any:
    """The step for these arguments, once every process has it: the first collective waits for nobody who compiles."""
    compiled = step_function.lower(*arguments).compile()
    parallel.wait_for_all("the first step")
    return compiled


def _sample(recipe: Recipe, state: TrainState, batch: Any, mesh: Mesh, progress: Progress) -> None:
    variables = parallel.whole(state.variables, mesh)
    if jax.process_index() == 0:
        picture = sample_picture(recipe, *parallel.local_copy((variables, batch)))
        progress.picture(int(state.step), picture)
    parallel.wait_for_all("the sample picture")


def check(config: Config, dataset: Any, *, held_out: Any = None, devices: Sequence[Any] | None = None) -> None:
    """Nothing, if the config fits itself, the data and the devices, and the weights that it names can be read.

    What `train` checks before its first step, but for the checkpoints and the model that it goes on from; for runs that
    will only be reached after others.

    Raises:
        InputError: it does not.
    """
    _, recipe, _ = _checked(config, dataset, held_out, parallel.data_mesh(devices))
    frozen_variables(config, recipe)


def _checked(config: Config, dataset: Any, held_out: Any, mesh: Mesh) -> tuple[int, Recipe, Any]:
    """The length of the run, its recipe, and the batches of this process."""
    check_occasions(config)
    if config.evaluate.every and held_out is None:
        raise InputError(f"evaluate.every={config.evaluate.every} needs clips to evaluate: give the split as held_out")
    batches = _batches(config, dataset, mesh)
    steps = total_steps(config, dataset)
    return steps, build_recipe(config, steps), batches


def _progress(config: Config, workdir: Path, steps: int, mesh: Mesh) -> Progress:
    return Progress(
        workdir,
        every=config.train.log_every,
        images_per_step=config.train.batch_size,
        steps=steps,
        devices=mesh.size,
        copy=wandb_copy(config, workdir),
    )


def _evaluate(config: Config, state: TrainState, mesh: Mesh, held_out: Any, progress: Progress) -> dict[str, float]:
    with progress.paused():
        scores = held_out_scores(config, parallel.local_copy(parallel.whole(state.variables, mesh)), held_out)
    progress.evaluation(int(state.step), scores)
    return scores


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
        batch_size=parallel.local_batch_size(config.train.batch_size, mesh, config.train.accumulate),
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


def _describe(state: TrainState, steps: int, mesh: Mesh, origin: str, changes: Mapping[str, Any]) -> None:
    """The networks' sizes, where they come from, what is new since the run was begun and where it stands."""
    if jax.process_index() != 0:
        return
    for name, network in (("animator", state.animator), ("discriminator", state.discriminator)):
        if network is not None:
            for part, params in network.params.items():
                print(f"{name} {part}: {count_parameters(params):,} parameters")
    if origin:
        print(origin)
    for entry, (before, now) in changes.items():
        print(f"{entry} was {before!r} until now, and is {now!r}")
    print(f"step {int(state.step)} of {steps}, on {mesh.size} {mesh.devices.flat[0].platform} device(s)", flush=True)
