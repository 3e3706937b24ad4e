"""The optimisers of the published recipes, from a config."""

from collections.abc import Mapping
from typing import Any

import jax
import optax

from thf_jax.errors import InputError, nearest
from thf_jax.training.config import Config


def learning_rate(config: Config, steps: int) -> optax.Schedule:
    """The learning rate by step.

    Args:
        config: `learning_rate`; `schedule`: `step` multiplies it by `decay` at each fraction `decay_at` of the run (the
            published recipes: by 0.1 at 0.6 and 0.9), `cosine` falls to 0 at its end; before, `warmup` steps rise
            linearly from 0.
        steps: of the whole run.

    Raises:
        InputError: an unknown schedule.
    """
    if config.schedule == "step":
        # Joined to a warm-up, a schedule counts from the end of that.
        boundaries = {round(fraction * steps) - config.warmup: config.decay for fraction in config.decay_at}
        schedule = optax.piecewise_constant_schedule(config.learning_rate, boundaries)
    elif config.schedule == "cosine":
        schedule = optax.cosine_decay_schedule(config.learning_rate, max(1, steps - config.warmup))
    else:
        known = ("step", "cosine")
        raise InputError(
            f"there is no learning rate schedule named {config.schedule!r}{nearest(config.schedule, known)}"
        )
    if not config.warmup:
        return schedule
    rise = optax.linear_schedule(0.0, config.learning_rate, config.warmup)
    return optax.join_schedules([rise, schedule], [config.warmup])


def optimizer(
    config: Config, steps: int, multipliers: Mapping[str, float] | None = None
) -> optax.GradientTransformation:
    """Adam, or stochastic gradient descent with momentum (X2Face), with this schedule.

    Args:
        config: `kind`, `adam` with `beta1`, `beta2` and `epsilon`, or `sgd` with `momentum`; `clip`, above 0 the norm
            of all parts together to which a longer gradient is shortened first; and see `learning_rate`.
        multipliers: of the learning rate, by the name of a part (`{"detector": 0.0}` leaves the detector as it is).

    Raises:
        InputError: an unknown kind or schedule, or a negative norm.
    """
    if config.clip < 0:
        raise InputError(f"optimizer.clip is a norm above 0, or 0 to leave gradients as they are, not {config.clip}")
    if config.kind == "adam":
        chain = [optax.scale_by_adam(config.beta1, config.beta2, eps=config.epsilon)]
    elif config.kind == "sgd":
        chain = [optax.trace(config.momentum)]
    else:
        raise InputError(f"there is no optimizer named {config.kind!r}{nearest(config.kind, ('adam', 'sgd'))}")
    if config.clip:
        chain.insert(0, optax.clip_by_global_norm(config.clip))
    for part, factor in (multipliers or {}).items():
        if factor != 1:
            chain.append(optax.masked(optax.scale(factor), _only(part)))
    return optax.chain(*chain, optax.scale_by_learning_rate(learning_rate(config, steps)))


def _only(part: str) -> Any:
    def mask(params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: jax.tree.map(lambda _: name == part, values) for name, values in params.items()}  # noqa: B023

    return mask
