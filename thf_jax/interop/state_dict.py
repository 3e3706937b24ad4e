"""A torch state dictionary as linen variables. What differs between systems is a table of module names alone.

Torch stores a kernel as [out, in, space...] and linen as [space..., in, out]. Batch norm's statistics are variables of
their own collection here, and so are the vectors of spectral norm. `num_batches_tracked` counts training steps and is
dropped.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from thf_jax.errors import InputError
from thf_jax.ops.filtering import antialias_kernel

Rules = Sequence[tuple[str, str]]
"""Pairs of our module path, a regular expression such as `detector/up(\\d+)/(conv|norm)`, and torch's module name, a
template such as `kp_detector.up.\\1.\\2`."""

_SHOWN = 3
_LEAVES = {
    ("params", "scale"): "weight",
    ("params", "bias"): "bias",
    ("params", "gamma"): "gamma",
    ("params", "beta"): "beta",
    ("batch_stats", "mean"): "running_mean",
    ("batch_stats", "var"): "running_var",
    ("spectral", "u"): "weight_u",
    ("spectral", "v"): "weight_v",
}


class Wanted(NamedTuple):
    """A tensor that torch's state dictionary must have, and the variable that it becomes."""

    path: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype


def hourglass_rules(ours: str, theirs: str) -> Rules:
    """The rules of an hourglass that stands at these two names."""
    return [
        (rf"{ours}/down(\d+)/(conv|norm)", rf"{theirs}.encoder.down_blocks.\1.\2"),
        (rf"{ours}/up(\d+)/(conv|norm)", rf"{theirs}.decoder.up_blocks.\1.\2"),
    ]


def generator_rules(ours: str, theirs: str) -> Rules:
    """The rules of FOMM's generator, which MRAA shares, the dense motion in it apart."""
    return [
        (rf"{ours}/first/(conv|norm)", rf"{theirs}.first.\1"),
        (f"{ours}/final", f"{theirs}.final"),
        (rf"{ours}/(down|up)_(\d+)/(conv|norm)", rf"{theirs}.\1_blocks.\2.\3"),
        (rf"{ours}/residual_(\d+)/(conv[12]|norm[12])", rf"{theirs}.bottleneck.r\1.\2"),
    ]


def wanted_tensors(variables: Mapping[str, Any], rules: Rules) -> dict[str, Wanted]:
    """Torch's name and shape of every variable.

    Args:
        variables: a nested dictionary of arrays or `ShapeDtypeStruct`.
        rules: the first whose expression matches a module's whole path names it.
    """
    flat: dict[tuple[str, ...], Any] = flatten_dict(variables)
    return {
        _torch_name(path, flat, rules): Wanted(path, _torch_shape(leaf.shape, path), np.dtype(leaf.dtype))
        for path, leaf in flat.items()
    }


def convert(
    tensors: Mapping[str, np.ndarray],
    variables: Mapping[str, Any],
    rules: Rules,
    *,
    filters: Mapping[str, float] | None = None,
    title: str = "the checkpoint",
    advice: str = "",
) -> dict[str, Any]:
    """The variables, filled from torch's tensors and nested as `variables` are; arrays are views wherever they can be.

    Args:
        tensors: by torch's name, networks and all: `generator.final.weight`.
        variables: what is to be filled, arrays or `ShapeDtypeStruct`.
        rules: how our module paths are named in torch.
        filters: the anti-alias filters that torch keeps as tensors, by name, and the scale of each: they are checked
            against `ops.filtering.antialias_kernel`, which computes them anew, and dropped.
        title, advice: the beginning and the end of the sentence that says what does not fit.

    Raises:
        InputError: tensors are missing, left over, of another shape, or not finite; or a filter is another one.
    """
    filters = filters or {}
    wanted = wanted_tensors(variables, rules)
    given = {name: value for name, value in tensors.items() if not name.endswith(".num_batches_tracked")}
    for name, scale in filters.items():
        if name in given:
            _check_filter(name, given.pop(name), scale)
    _compare(title, wanted, given, advice)
    return unflatten_dict({want.path: _fill(name, given[name], want) for name, want in wanted.items()})


def nearest_name(name: str, choices: Iterable[str]) -> str:
    """The end of a sentence about a tensor's name: the nearest of the choices, or nothing where none is near."""
    found = difflib.get_close_matches(name, list(choices), n=1)
    return f" (the nearest to {name} is {found[0]})" if found else ""


def to_device(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables as JAX arrays of their own, however the given arrays lie in memory or in a mapped file."""
    return jax.device_put(variables, may_alias=False)


def _torch_name(path: tuple[str, ...], flat: Mapping[tuple[str, ...], Any], rules: Rules) -> str:
    collection, *modules, leaf = path
    module = "/".join(modules)
    if leaf == "kernel":
        normalized = ("spectral", *modules, "u") in flat
        end = "weight_orig" if normalized else "weight"
    else:
        end = _LEAVES[collection, leaf]
    for pattern, template in rules:
        if match := re.fullmatch(pattern, module):
            return f"{match.expand(template)}.{end}"
    raise KeyError(f"no rule names the module {module}")


def _torch_shape(shape: tuple[int, ...], path: tuple[str, ...]) -> tuple[int, ...]:
    return (shape[-1], shape[-2], *shape[:-2]) if path[-1] == "kernel" else tuple(shape)


def _fill(name: str, value: np.ndarray, want: Wanted) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = np.asarray(value, want.dtype)
    if not np.isfinite(values).all():
        raise InputError(f"{name} has values that are not finite: the training that wrote the checkpoint had diverged")
    return values.transpose(*range(2, values.ndim), 1, 0) if want.path[-1] == "kernel" else values


def _compare(title: str, wanted: Mapping[str, Wanted], given: Mapping[str, np.ndarray], advice: str) -> None:
    missing = {name: want.shape for name, want in wanted.items() if name not in given}
    surplus = {name: value.shape for name, value in given.items() if name not in wanted}
    differing = {name: want.shape for name, want in wanted.items() if name in given and want.shape != given[name].shape}
    complaints = []
    if missing:
        complaints.append(f"lacks {_list(_sized(missing))}")
    if surplus:
        name = _telling_first(surplus)[0]
        near = nearest_name(name, missing or wanted)
        complaints.append(f"has {_list(_sized(surplus))}, which no part takes{near}")
    if differing:
        names = _telling_first(differing)
        pairs = [f"{name} is {_times(given[name].shape)}, not {_times(differing[name])}" for name in names]
        complaints.append(f"has other shapes: {_list(pairs)}")
    if complaints:
        raise InputError(f"{title} {'; it '.join(complaints)}{advice}")


def _telling_first(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The names, kernels before vectors: their shapes say more."""
    return sorted(shapes, key=lambda name: (-len(shapes[name]), name))


def _sized(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [f"{name} {_times(shapes[name])}" for name in _telling_first(shapes)]


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "(one number)"


def _list(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _check_filter(name: str, weight: np.ndarray, scale: float) -> None:
    line = antialias_kernel(scale).astype(np.float64)
    expected = np.outer(line, line)
    # Checkpoints in half precision keep three digits of it.
    tolerance = expected.max() * (4e-3 if weight.dtype.itemsize < 4 else 1e-4)
    weight = weight.astype(np.float64)
    if weight.shape[2:] == expected.shape and np.allclose(weight, expected, rtol=0, atol=tolerance):
        return
    raise InputError(
        f"{name} is {_in_words(weight)}, but down-sampling by {scale} takes {_in_words(expected[None, None])}: "
        "a network trained with another filter cannot be converted"
    )


def _in_words(weight: np.ndarray) -> str:
    """An anti-alias filter [c 1 n n]: its width follows from the fall between its centre and the value beside it."""
    if weight.ndim != 4 or min(weight.shape[2:]) < 3:
        return f"a tensor of {_times(weight.shape)}"
    row, column = weight.shape[2] // 2, weight.shape[3] // 2
    centre, beside = weight[0, 0, row, column], weight[0, 0, row, column + 1]
    size = _times(weight.shape[2:])
    if not 0 < beside < centre:
        return f"a filter of {size} that is no Gaussian"
    return f"a Gaussian of {size} with a standard deviation of {1 / math.sqrt(2 * math.log(centre / beside)):.3g}"
