"""The step of a run as a program: traced from shapes alone, lowered for any platform, and read once it is compiled.

Nothing is allocated, so that it works for more devices than there are: a mesh may be abstract.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType
from jax.stages import Traced

from thf_jax.training import parallel
from thf_jax.training.config import Config
from thf_jax.training.recipe import Recipe
from thf_jax.training.setup import build_recipe, frozen_variables, initial_state
from thf_jax.training.step import parallel_step

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
"""What XLA calls the operations in which devices exchange arrays."""

_COMMENT = re.compile(r"/\*.*?\*/")
_OPERATION = re.compile(rf"= (?P<result>[^=]*?) (?P<name>{'|'.join(COLLECTIVES)})(?:-start)?\(")
_ARRAY = re.compile(r"(?P<type>[a-z]+)(?P<bits>\d+)?[a-z0-9]*\[(?P<shape>[\d,]*)\]")


def abstract_mesh(devices: int) -> AbstractMesh:
    """The mesh of `parallel.data_mesh` over so many devices, whether there are any or not."""
    return AbstractMesh((devices,), ("data",), axis_types=(AxisType.Auto,))


def traced_step(config: Config, mesh: parallel.AnyMesh) -> Traced:
    """The train step of a config with a batch of `train.batch_size` over the mesh, traced.

    On an abstract mesh `.lower(lowering_platforms=("tpu",))` lowers it for a platform that is not here. The networks of
    the losses count with their shapes, whatever their weights are.
    """
    config = config.copy_and_resolve_references()
    config.update_from_flattened_dict({"perceptual.weights": "random", "identity.weights": "random"})
    recipe = build_recipe(config, 1000)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(functools.partial(initial_state, config, recipe), key)
    frozen = jax.eval_shape(functools.partial(frozen_variables, config, recipe))
    layout = parallel.shardings(state, mesh, shard_parameters=config.train.shard_parameters)
    everywhere = parallel.replicated(mesh)
    return parallel_step(recipe, layout, mesh).trace(
        parallel.shapes(state, layout),
        parallel.shapes(frozen, jax.tree.map(lambda _: everywhere, frozen)),
        parallel.shapes(batch := batch_shapes(config, recipe), dict.fromkeys(batch, parallel.split(mesh))),
        parallel.shapes(key, everywhere),
    )


def batch_shapes(config: Config, recipe: Recipe) -> dict[str, jax.ShapeDtypeStruct]:
    """A global batch for `seen.look`, as `data_pipelines.loader` gives it."""
    count, picture, sources = config.train.batch_size, (config.size, config.size, 3), config.data.sources
    shapes = {"source": (count, *((sources,) if sources > 1 else ()), *picture), "driving": (count, *picture)}
    if recipe.asks_for("stranger"):
        shapes["stranger"] = (count, *picture)
    batch = {name: jax.ShapeDtypeStruct(shape, jnp.uint8) for name, shape in shapes.items()}
    if recipe.asks_for("head_pose"):
        batch["pose"] = jax.ShapeDtypeStruct((count, 3), jnp.float32)
    return batch


def collective_shapes(program: str) -> Mapping[str, list[tuple[str, tuple[int, ...]]]]:
    """By the name of the operation, the type and the shape of every array that a compiled program exchanges.

    Args:
        program: its HLO text. The shapes are those of one device's results.
    """
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = {name: [] for name in COLLECTIVES}
    for operation in _OPERATION.finditer(_COMMENT.sub("", program)):
        for array in _ARRAY.finditer(operation["result"]):
            shape = tuple(int(length) for length in array["shape"].split(",") if length)
            found[operation["name"]].append((f"{array['type']}{array['bits'] or ''}", shape))
    return found


def collective_bytes(program: str) -> dict[str, int]:
    """By the name of the operation, how many bytes its results have on one device; those that do not occur are 0."""
    return {
        name: sum(int(re.sub(r"\D", "", kind) or 8) // 8 * math.prod(shape) for kind, shape in arrays)
        for name, arrays in collective_shapes(program).items()
    }
