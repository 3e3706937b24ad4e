"""The card that goes with a model: what it is, where it comes from, whose licence holds, and how its programs run."""

import json
from collections.abc import Mapping
from pathlib import Path

import jax

from thf_jax.interop.torch_reader import file_hash
from thf_jax.interop.verb_functions import verb_functions
from thf_jax.models.animator import Animator

LICENCES = {
    "monkey_net": "none: the authors' repository (AliaksandrSiarohin/monkey-net) states no licence",
    "mraa": "Snap's sample code licence, for informational use, as the authors' repository "
    "(snap-research/articulated-animation) states it",
    "fomm": "MIT, as the LICENSE file of the authors' repository (AliaksandrSiarohin/first-order-model) states it",
    "liveportrait": "MIT, as the LICENSE file of the authors' repository (KwaiVGI/LivePortrait) states it; "
    "an author there says that it holds for the weights as well",
    "face_vid2vid": "CC BY-NC 4.0, as the authors' repository "
    "(zhanglonghao1992/One-Shot_Free-View_Neural_Talking-Head_Synthesis) states it",
    "x2face": "MIT, as the LICENSE file of the authors' repository (oawiles/X2Face) states it",
}
"""The licence that the authors of a system's published weights state, and where."""


def converted_card(system: str, *checkpoints: Path, settings_from: str, align_corners: bool) -> str:
    """The text of a MODEL_CARD.md for weights converted from checkpoints.

    Args:
        system: the system's name.
        checkpoints: the files that were converted; their hashes are put on the card.
        settings_from: where the settings come from, in words.
        align_corners: how the converted model reads sampling grids.
    """
    ends = "the centres of the border pixels" if align_corners else "the outer edges of the border pixels"
    files = "\n".join(
        f"| Converted from | `{file.name}` |\n| SHA-256 of that file | `{file_hash(file)}` |" for file in checkpoints
    )
    return f"""# {system}, converted from a PyTorch checkpoint

| | |
| --- | --- |
| System | {system} |
{files}
| Settings | {settings_from} |
| Reading of sampling grids | align_corners {align_corners}: -1 and 1 are {ends} |
| Licence of the original | {LICENCES[system]} |

The numbers are those of the original file, in another layout. Its licence and its authors' conditions hold for them,
not the licence of thf_jax. Name the authors of the original when you publish results.

Such a model makes faces do what their owners never did. Animate only people who agreed to it, and say that it was made.
"""


def trained_card(system: str, size: int, workdir: Path) -> str:
    """The text of a MODEL_CARD.md for a model of one's own training, from the `run.json` of its workdir."""
    file = workdir / "run.json"
    run = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return f"""# {system} at {size} px, trained with thf_jax

| | |
| --- | --- |
| System | {system} |
| Size | {size} x {size} pixels |
| Command | `python -m experiments.train {" ".join(run.get("arguments", ["unknown"]))}` |
| Source revision | {run.get("revision") or "unknown"} |
| Seed | {run.get("seed", "unknown")} |
| Data, and what they allow | to be told by whoever trained it |

Such a model makes faces do what their owners never did. Animate only people who agreed to it, and say that it was made.
"""


_BEGIN, _END = "\n<!-- programs: begin -->\n", "<!-- programs: end -->\n"
_USE = {
    "stablehlo": """
Programs for CPUs, CUDA and TPUs, of b examples, stored by `jax.export`. JAX, flatbuffers and safetensors run them:

```python
from jax import export
from safetensors.numpy import load_file

variables = load_file("variables.safetensors")

def program(verb):
    with open(f"{verb}.stablehlo", "rb") as file:
        return export.deserialize(bytearray(file.read())).call

encode, motion, render = map(program, ("encode", "motion", "render"))
encoded = encode(variables, {"source": source})  # once a source
moved = motion(variables, {"frame": frame})  # once a frame
image = render(variables, {**encoded, **moved})["image"]
```

For other runtimes `export.deserialize(...).mlir_module_serialized` is the portable StableHLO itself.
""",
    "onnx": """
One example at a time; the variables are in the programs. ONNX Runtime is enough to run them:

```python
from onnxruntime import InferenceSession

def run(session, **given):
    return dict(zip([end.name for end in session.get_outputs()], session.run(None, given)))

encode, motion, render = (InferenceSession(f"{verb}.onnx") for verb in ("encode", "motion", "render"))
encoded = run(encode, source=source)  # once a source
moved = run(motion, frame=frame)  # once a frame
image = run(render, **encoded, **moved)["image"]
```
""",
}


def with_programs(card: str, animator: Animator, file_format: str) -> str:
    """The card, with a section on the programs of this format and none on those of another; the rest stays.

    Args:
        file_format: `stablehlo` or `onnx`; another one, such as `safetensors`, has no programs.
    """
    before, _, rest = card.partition(_BEGIN)
    after = rest.partition(_END)[2]
    if file_format not in _USE:
        return before + after
    batch = jax.export.symbolic_shape("b, n") if file_format == "stablehlo" else (1, 1)
    rows = [
        f"| `{verb}.{file_format}` | {_listed(it.inputs)} | {_listed(it.outputs)} |"
        for verb, it in verb_functions(animator, batch=batch[0], sources=batch[1]).items()
    ]
    table = "\n".join(["| program | takes | gives |", "| --- | --- | --- |", *rows])
    arrays = "Arrays are float32, pictures between 0 and 1 and channels last."
    text = f"## Programs\n{_USE[file_format]}\n{arrays} For relative motion change `moved` in between.\n\n{table}\n"
    return f"{before}{_BEGIN}{text}{_END}{after}"


def _listed(arrays: Mapping[str, jax.ShapeDtypeStruct]) -> str:
    return ", ".join(f"`{name}` [{' '.join(map(str, array.shape))}]" for name, array in arrays.items())
