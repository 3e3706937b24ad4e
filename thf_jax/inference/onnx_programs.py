"""Verbs that run in ONNX Runtime, from the programs that `thf export --format onnx` puts into a model directory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from thf_jax.errors import InputError
from thf_jax.interop.verb_functions import VerbFunction, verb_functions
from thf_jax.models.animator import Animator

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Others compute in half precision, or compile for minutes."""


def with_onnx_programs(animator: Animator, folder: Path) -> Animator:
    """The animator of a model directory, its verbs run by ONNX Runtime.

    What the programs were not made for runs in JAX as before: X2Face's encoding of several sources, MRAA's measurement
    of the background; of LivePortrait all but the encoding and the motion, since `animate` renders keypoints that were
    stitched. That the programs have the variables of this model is not checked.

    Raises:
        InputError: ONNX Runtime is not installed, or a program is missing, damaged or of other shapes.
    """
    programs = {verb: _opened(folder / f"{verb}.onnx", it) for verb, it in verb_functions(animator).items()}
    return dataclasses.replace(animator, programs=programs)


def _opened(file: Path, verb: VerbFunction) -> OnnxProgram:
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError("ONNX Runtime is not installed: pip install onnxruntime, or leave the backend out") from error
    if not file.is_file():
        raise InputError(
            f"{file.parent} has no {file.name}: export the model anew with `thf export MODEL OUT --format onnx`, "
            "or leave the backend out"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of constants that it removes
    try:
        providers = [name for name in _PROVIDERS if name in onnxruntime.get_available_providers()]
        session = onnxruntime.InferenceSession(file, options, providers=providers)
    except Exception as error:  # its errors have no class of their own but Exception
        raise InputError(f"ONNX Runtime cannot read {file}: {' '.join(str(error).splitlines()[:1])}") from error
    found = {end.name: tuple(end.shape) for end in (*session.get_inputs(), *session.get_outputs())}
    expected = {name: shape.shape for name, shape in (verb.inputs | verb.outputs).items()}
    if found != expected:
        wrong = next(name for name in found | expected if found.get(name) != expected.get(name))
        raise InputError(
            f"{file} is not the program of such a model: {wrong} has the shape {found.get(wrong, 'none')} there and "
            f"{expected.get(wrong, 'none')} in {file.parent / 'config.json'}"
        )
    return OnnxProgram(session, verb)


@dataclasses.dataclass(frozen=True)
class OnnxProgram:
    """A verb run by an `onnxruntime.InferenceSession`, one example after the other."""

    session: Any
    verb: VerbFunction

    def takes(self, arguments: tuple[Any, ...], batched: tuple[bool, ...]) -> bool:
        """Whether the program was made for arguments of this structure and these shapes, the batch aside."""
        expected = tuple(self.verb.arguments.values())
        if jax.tree.structure(arguments) != jax.tree.structure(expected):
            return False
        rows = (leaf.shape[1:] for leaf in jax.tree.leaves(expected))
        return list(rows) == [
            leaf.shape[1:] if many else leaf.shape
            for tree, many in zip(arguments, batched, strict=True)
            for leaf in jax.tree.leaves(tree)
        ]

    def __call__(self, arguments: tuple[Any, ...], batched: tuple[bool, ...]) -> Any:
        """The verb's result, of NumPy arrays; see `Animator` for what a batch axis of some arguments means."""
        count = next((jax.tree.leaves(x)[0].shape[0] for x, many in zip(arguments, batched, strict=True) if many), 1)
        leaves = [
            (_unit(leaf if many else leaf[None]), many)
            for tree, many in zip(arguments, batched, strict=True)
            for leaf in map(np.asarray, jax.tree.leaves(tree))
        ]
        results = [self._one([leaf[i : i + 1] if many else leaf for leaf, many in leaves]) for i in range(count)]
        whole = [np.concatenate(leaf) for leaf in zip(*results, strict=True)] if count > 1 else results[0]
        if not any(batched):
            whole = [leaf[0] for leaf in whole]
        return jax.tree.structure(self.verb.result).unflatten(whole)

    def _one(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return self.session.run(list(self.verb.outputs), dict(zip(self.verb.inputs, arrays, strict=True)))


def _unit(pixels: np.ndarray) -> np.ndarray:
    """Bytes brought to [0, 1]; everything else as single precision, which the programs ask for."""
    single = pixels.astype(np.float32, copy=False)
    return single / 255 if pixels.dtype == np.uint8 else single
