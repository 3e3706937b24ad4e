"""Linear regression in closed form."""

import numpy as np
from jaxtyping import Float


def ridge(
    inputs: Float[np.ndarray, "n m"], targets: Float[np.ndarray, "n k"], *, strength: float = 0.0
) -> tuple[Float[np.ndarray, "k m"], Float[np.ndarray, " k"]]:
    """The matrix A and the offset b of least |A x + b - y|^2 + strength n sum_j var(x_j) |A_j|^2, in float64.

    The offset is not penalised, and the penalty of a column grows with the variance of its input, so that the result
    does not depend on the inputs' units. Where inputs depend on each other and the strength is 0, the smallest solution
    in units of the inputs' deviations is taken. An input that never changes gets 0.
    """
    centre, goal = inputs.mean(axis=0, dtype=np.float64), targets.mean(axis=0, dtype=np.float64)
    deviation = inputs.std(axis=0, dtype=np.float64)
    # The deviation of numbers that are all alike is their rounding error, not 0.
    moving = deviation > 1e-12 * np.abs(inputs).max(axis=0)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=moving)
    x = (inputs - centre) * scale
    rows = np.sqrt(strength * len(x)) * np.eye(x.shape[1])
    wanted = np.concatenate([targets - goal, np.zeros((len(rows), goal.size))])
    solution = np.linalg.lstsq(np.concatenate([x, rows]), wanted)[0]
    matrix = solution.T * scale
    return matrix, goal - matrix @ centre
