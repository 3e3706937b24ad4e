"""The verbs as functions of named arrays, in place of pytrees: what an exported program takes and gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from thf_jax.models import SEVERAL_SOURCES
from thf_jax.models.animator import Animator

_RESULTS = {"encode": "encoded", "motion": "motion", "combine": "motion"}
"""What a verb's result is called where another verb takes it."""


@dataclasses.dataclass(frozen=True)
class VerbFunction:
    """A verb of a system, for a batch.

    Attributes:
        arguments: the pytrees that the verb takes, as shapes, by its names for them.
        result: the pytree that it gives, as shapes.
        inputs: the arrays of the arguments by their names, as shapes, in order: `encoded/motion/position`.
        outputs: those of the result. What one verb gives has the name under which another takes it.
        function: of the animator's variables and the arrays of `inputs` by their names; gives those of `outputs`.
    """

    arguments: dict[str, Any]
    result: Any
    inputs: dict[str, jax.ShapeDtypeStruct]
    outputs: dict[str, jax.ShapeDtypeStruct]
    function: Callable[[Any, Mapping[str, Any]], dict[str, jax.Array]]


def verb_functions(animator: Animator, *, batch: Any = 1, sources: Any = 1) -> dict[str, VerbFunction]:
    """`encode`, `motion` and `render`, and `combine` of an MRAA model that has an AVD network.

    Args:
        batch: how many examples, or a symbol of `jax.export.symbolic_shape`.
        sources: how many pictures of one person X2Face's `encode` takes for each example, or a symbol.
    """
    image = jax.ShapeDtypeStruct((batch, animator.size, animator.size, 3), jnp.float32)
    several = jax.ShapeDtypeStruct((batch, sources, *image.shape[1:]), jnp.float32)
    source = several if animator.system in SEVERAL_SOURCES else image
    functions = {
        "encode": _function(animator, "encode", source=source),
        "motion": _function(animator, "motion", frame=image),
    }
    encoded, motion = (functions[verb].result for verb in ("encode", "motion"))
    functions["render"] = _function(animator, "render", encoded=encoded, motion=motion)
    if getattr(animator.module, "avd", None) is not None:
        functions["combine"] = _function(animator, "combine", identity=motion, pose=motion)
    return functions


def _function(animator: Animator, verb: str, **arguments: Any) -> VerbFunction:
    inputs, structure = _named(arguments), jax.tree.structure(arguments)

    def result(variables: Any, given: Mapping[str, Any]) -> Any:
        trees = structure.unflatten([given[name] for name in inputs])
        return animator.module.apply(variables, *(trees[name] for name in arguments), method=verb)

    def outputs(tree: Any) -> dict[str, Any]:
        return _named({_RESULTS[verb]: tree} if verb in _RESULTS else tree)

    shapes = jax.eval_shape(result, animator.variables, inputs)
    return VerbFunction(arguments, shapes, inputs, outputs(shapes), lambda *given: outputs(result(*given)))


def _named(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by the names on the way to them, in the pytree's order."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
