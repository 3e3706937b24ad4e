"""A smoother for whole clips of motion."""

import numpy as np
from jaxtyping import Float

PROCESS_VARIANCE = 1e-5
"""Of the steps of the random walk that a number is taken for."""


def smooth_rows(rows: Float[np.ndarray, "t *n"], variance: float) -> Float[np.ndarray, "t *n"]:
    """Every number over time as a random walk that was observed with noise: its expectation given all rows.

    A Kalman filter forward, begun with the first row and a variance of 1, and the smoother of Rauch, Tung and Striebel
    (1965) backward. The gains do not depend on the numbers, which are therefore smoothed all at once, in float64.

    Args:
        rows: one a frame.
        variance: of the noise. LivePortrait's 3e-7 is 0.03 of `PROCESS_VARIANCE` and does very little; a user sees
            factors of 10.
    """
    observed = np.asarray(rows, np.float64)
    mean, spread, predicted = observed[0], 1.0, 1.0
    means, spreads, predictions = [], [], []
    for index, row in enumerate(observed):
        predicted = spread + PROCESS_VARIANCE if index else predicted
        gain = predicted / (predicted + variance)
        mean, spread = mean + gain * (row - mean), (1 - gain) * predicted
        means.append(mean)
        spreads.append(spread)
        predictions.append(predicted)
    smoothed = means[-1:]
    for index in reversed(range(len(means) - 1)):
        share = spreads[index] / predictions[index + 1]
        smoothed.append(means[index] + share * (smoothed[-1] - means[index]))
    return np.stack(smoothed[::-1]).astype(rows.dtype)
