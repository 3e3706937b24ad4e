"""The weighted sum of loss terms. A weight of 0 means that the term is not computed at all."""

from collections.abc import Callable, Mapping

from jaxtyping import Array, Float

from thf_jax.errors import InputError, nearest


def objective(
    weights: Mapping[str, float], terms: Mapping[str, Callable[[], Float[Array, ""]]]
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The sum, and each term already multiplied by its weight, by name.

    Args:
        weights: one number a term.
        terms: functions without arguments, called only where the weight is not 0.

    Raises:
        InputError: the names differ, or every weight is 0.
    """
    for name in weights:
        if name not in terms:
            raise InputError(f"there is no loss term named {name!r}{nearest(name, terms)}")
    if missing := sorted(set(terms) - set(weights)):
        raise InputError(f"the loss needs a weight for {', '.join(missing)}; 0 switches a term off")
    values = {name: weights[name] * term() for name, term in terms.items() if weights[name] != 0}
    if not values:
        raise InputError("every loss weight is 0, so that there is nothing to train")
    return sum(values.values()), values  # pyright: ignore[reportReturnType]
