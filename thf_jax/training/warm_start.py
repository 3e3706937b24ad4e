"""A run that begins with networks trained before: a converted model's, or another run's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from thf_jax.errors import InputError, nearest
from thf_jax.inference.load import load, named_checkpoint
from thf_jax.interop.published_discriminator import published_discriminator
from thf_jax.training.config import Config
from thf_jax.training.setup import build_discriminator
from thf_jax.training.state import NetworkState, TrainState
from thf_jax.training.trained_networks import restore_discriminator

DISCRIMINATOR = "discriminator"
"""Its name among the parts; the others are the animator's."""

Parts = dict[str, dict[str, Any]]
"""The variables of each part by their names, `params/...` and those of the statistics."""


def warm_start(config: Config, state: TrainState) -> tuple[TrainState, str]:
    """The state with the parts of the model that `train.start_from` names, and a sentence that says which these are.

    Without a name the state is unchanged and the sentence is empty. Parts that the model does not have, such as MRAA's
    AVD network in its first stage, stay random. The optimisers start anew, as do an average of the parameters and the
    schedules of the learning rates: what the former run's had come down to is of no account.

    Args:
        config: `train.start_parts` limits what is taken to the parts of these names. The discriminator is that of the
            other run, if it trained one, or of the published checkpoint that `train.start_discriminator` names.

    Raises:
        InputError: there is no such model or part, or a part's networks are not those of the config.
    """
    origin, only = config.train.start_from, tuple(config.train.start_parts)
    if not origin:
        for name in ("start_parts", "start_discriminator"):
            if config.train[name]:
                raise InputError(f"train.{name} goes with a model to start from: give --config.train.start_from")
        return state, ""
    theirs, ours = _parts_of_model(config), _parts_of_state(state)
    for part in only:
        for has, parts in ((f"this {config.system}", ours), (f"the model {origin}", theirs)):
            if part not in parts:
                raise InputError(f"{has} has no part {part!r} for train.start_parts{nearest(part, parts)}")
    taken = [part for part in ours if part in theirs and (not only or part in only)]
    if not taken:
        raise InputError(f"the model {origin} has none of the parts {', '.join(ours)} of this {config.system}")
    for part in taken:
        _check_shapes(origin, part, theirs[part], ours[part])
    said = [f"taken from {origin}: {', '.join(taken)}"]
    for what, parts in (("random", ours), ("left there", theirs)):
        if rest := [part for part in parts if part not in taken]:
            said.append(f"{what}: {', '.join(rest)}")
    return _with(state, {part: theirs[part] for part in taken}), "; ".join(said)


def _parts_of_model(config: Config) -> Parts:
    origin, judge = config.train.start_from, config.train.start_discriminator
    parts, (folder, which) = _split(load(origin).variables), named_checkpoint(origin)
    variables = _published(config, judge) if judge else restore_discriminator(folder, which)
    return parts if variables is None else {**parts, DISCRIMINATOR: flatten_dict(variables, sep="/")}


def _published(config: Config, checkpoint: str) -> Any:
    settings = config.discriminator
    if config.loss.adversarial == 0:
        raise InputError("train.start_discriminator needs an adversarial loss: give --config.loss.adversarial a weight")
    keypoints = config.model.detector.count if settings.keypoints else 0
    return published_discriminator(config.system, checkpoint, build_discriminator(settings), keypoints=keypoints)


def _parts_of_state(state: TrainState) -> Parts:
    parts = _split(state.animator.variables)
    if state.discriminator is not None:
        parts[DISCRIMINATOR] = flatten_dict(state.discriminator.variables, sep="/")
    return parts


def _split(variables: Mapping[str, Mapping[str, Any]]) -> Parts:
    return {
        part: flatten_dict({kind: tree[part] for kind, tree in variables.items() if part in tree}, sep="/")
        for part in variables["params"]
    }


def _check_shapes(origin: str, part: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    for name in sorted({*theirs, *ours}):
        there, here = (jnp.shape(tree[name]) if name in tree else "none" for tree in (theirs, ours))
        if there != here:
            raise InputError(
                f"the model {origin} has other networks than this configuration: in the {part}, {name} has the shape "
                f"{there} there and {here} here; give --config.model the settings in the model's config.json, or leave "
                "that part out by --config.train.start_parts"
            )


def _with(state: TrainState, parts: Parts) -> TrainState:
    """The state with these parts in place of its own."""
    theirs = {part: unflatten_dict(flat, sep="/") for part, flat in parts.items()}
    judge = state.discriminator
    if judge is not None and DISCRIMINATOR in theirs:
        judge = _filled(judge, theirs.pop(DISCRIMINATOR))
    variables = {
        kind: {part: theirs.get(part, {}).get(kind, own) for part, own in tree.items()}
        for kind, tree in state.animator.variables.items()
    }
    animator = _filled(state.animator, variables)
    average = None if state.average is None else jax.tree.map(jnp.copy, animator.params)
    return dataclasses.replace(state, animator=animator, discriminator=judge, average=average)


def _filled(network: NetworkState, variables: dict[str, Any]) -> NetworkState:
    statistics = {kind: tree for kind, tree in variables.items() if kind != "params"}
    return dataclasses.replace(network, params=variables["params"], statistics=statistics)
