"""The card that goes with converted weights: what they are, where they come from, whose licence holds."""

import json
from pathlib import Path

from thf_jax.interop.torch_reader import file_hash

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
