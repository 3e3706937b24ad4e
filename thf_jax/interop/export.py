"""The verbs of a model as programs for other runtimes: StableHLO, as `jax.export` stores it, and ONNX."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from thf_jax.errors import InputError
from thf_jax.interop.onnx_operations import simplified
from thf_jax.interop.verb_functions import VerbFunction, verb_functions
from thf_jax.models.animator import Animator

OPSET = 21
PLATFORMS = ("cpu", "cuda", "tpu")
ONNX_MODULES = ("onnx", "onnx_ir", "einops", "equinox", "jax2onnx")
"""What writing ONNX needs; the last asks for an Orbax that is too old, and is installed without what it asks for."""


def check_format(name: str) -> None:
    """Nothing, if models can be exported in this format here.

    Raises:
        InputError: what it needs is not installed.
    """
    missing = [module for module in ONNX_MODULES if importlib.util.find_spec(module) is None]
    if name == "onnx" and missing:
        raise InputError(
            f"ONNX is written with modules of which {', '.join(missing)} cannot be found: pip install 'thf-jax[onnx]', "
            "and then pip install --no-deps jax2onnx"
        )


def stablehlo_programs(animator: Animator) -> dict[str, bytes]:
    """A program a verb, by its file's name, for batches of any length, on CPUs, GPUs and TPUs.

    It takes the variables as `variables.safetensors` names them, and the arrays of `VerbFunction.inputs`, two
    dictionaries; and gives one of its outputs.
    """
    batch, sources = jax.export.symbolic_shape("b, n")
    variables = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), flatten_dict(animator.variables, sep="/")
    )
    programs = {}
    for verb, described in verb_functions(animator, batch=batch, sources=sources).items():
        exported = jax.export.export(jax.jit(_on_flat(described)), platforms=PLATFORMS)(variables, described.inputs)
        programs[f"{verb}.stablehlo"] = bytes(exported.serialize(vjp_order=0))
    return programs


def _on_flat(described: VerbFunction) -> Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, jax.Array]]:
    return lambda variables, given: described.function(unflatten_dict(variables, sep="/"), given)


def onnx_programs(animator: Animator) -> dict[str, bytes]:
    """A program a verb, by its file's name, with the variables in it, for one example with a batch axis.

    Inputs and outputs have the names of `VerbFunction`.
    """
    return {f"{verb}.onnx": _as_onnx(animator, verb, it) for verb, it in verb_functions(animator).items()}


def _as_onnx(animator: Animator, verb: str, described: VerbFunction) -> bytes:
    from jax2onnx import to_onnx  # pyright: ignore[reportMissingImports]

    variables = jax.tree.map(jnp.asarray, animator.variables)

    def positional(*arrays: Any) -> tuple[Any, ...]:
        return tuple(described.function(variables, dict(zip(described.inputs, arrays, strict=True))).values())

    shapes = list(described.inputs.values())
    function = simplified(jax.make_jaxpr(positional)(*shapes))
    # It warns of values of no known type, which are not in the file.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of double precision, which the converter asks for and does without
        model = to_onnx(lambda *arrays: tuple(function(*arrays)), shapes, model_name=verb, opset=OPSET)
    _name(model, list(described.inputs), described.outputs)
    return model.SerializeToString()


def _name(model: Any, inputs: list[str], outputs: Mapping[str, jax.ShapeDtypeStruct]) -> None:
    """Give the program's ends their names; by identities, since an output may be an input as it came."""
    from onnx import TensorProto, helper  # pyright: ignore[reportMissingImports]

    names = dict(zip((end.name for end in model.graph.input), inputs, strict=True))
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    ends: list[Any] = [names.get(end.name, end.name) for end in model.graph.output]
    for end in model.graph.input:
        end.name = names[end.name]
    model.graph.node.extend(
        helper.make_node("Identity", [inner], [outer]) for inner, outer in zip(ends, outputs, strict=True)
    )
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape.shape) for name, shape in outputs.items()
    )
