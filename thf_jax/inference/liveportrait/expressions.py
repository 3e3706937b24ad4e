"""Expressions edited by hand: each control adds multiples of itself to a few entries of the 21 keypoints' expression.

The entries and factors were found by users of the published human weights, and mean nothing for others.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from thf_jax.errors import InputError, nearest

X, Y, Z = range(3)
_Entries = dict[tuple[int, int], float]

_LINEAR: dict[str, _Entries] = {
    "smile": {
        (20, Y): -0.01,
        (14, Y): -0.02,
        (17, Y): 0.0065,
        (17, Z): 0.003,
        (13, Y): -0.00275,
        (16, Y): -0.00275,
        (3, Y): -0.0035,
        (7, Y): -0.0035,
    },
    "wink": {(11, Y): 0.001, (13, Y): -0.0003, (17, X): 0.0003, (17, Y): 0.0003, (3, Y): -0.0003},
    "pout": {(19, X): 1.0},
    "purse": {(14, Y): 0.001, (3, Y): -0.0005, (7, Y): -0.0005, (17, Z): -0.0005},
    "grin": {(20, Z): -0.001, (20, Y): -0.001, (14, Y): -0.001},
    "open_lips": {(19, Y): 0.001, (19, Z): 0.0001, (17, Y): -0.0001},
    "move_x": {(5, X): 1.0},
    "move_y": {(5, Y): 1.0},
    # A look down lowers the lids by half of it.
    "gaze_y": {(11, Y): -0.0005, (15, Y): -0.0005, (13, Y): -0.00015, (16, Y): -0.00015},
}
_SIGNED: dict[str, tuple[_Entries, _Entries]] = {
    "eyebrows": (
        {(1, Y): 0.001, (2, Y): -0.001},
        {(1, X): -0.001, (2, X): 0.001, (1, Y): 0.0003, (2, Y): -0.0003},
    ),
    "gaze_x": ({(11, X): 0.0007, (15, X): 0.001}, {(11, X): 0.001, (15, X): 0.0007}),
}
"""Other factors for values above 0 than for the rest."""
RANGES = {
    "smile": (-0.3, 1.3),
    "wink": (0.0, 39.0),
    "eyebrows": (-30.0, 30.0),
    "gaze_x": (-30.0, 30.0),
    "gaze_y": (-63.0, 63.0),
    "pout": (-0.09, 0.09),
    "purse": (-20.0, 15.0),
    "grin": (0.0, 15.0),
    "open_lips": (-90.0, 120.0),
    "move_x": (-0.19, 0.19),
    "move_y": (-0.19, 0.19),
}
"""The controls, and the values of each that still give a face. `move_x` is along the x axis, against the authors'
slider."""


def expression_edit(controls: Mapping[str, float]) -> Float[np.ndarray, "21 3"]:
    """What the controls add to an expression, all of them together.

    Raises:
        InputError: no such control.
    """
    change = np.zeros((21, 3))
    for name, value in controls.items():
        if name not in RANGES:
            raise InputError(f"there is no control of the expression named {name!r}{nearest(name, RANGES)}")
        entries = _LINEAR[name] if name in _LINEAR else _SIGNED[name][0 if value > 0 else 1]
        for place, factor in entries.items():
            change[place] += factor * value
    return change.astype(np.float32)
