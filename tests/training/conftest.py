"""What holds for every test of training."""

import jax
import pytest


@pytest.fixture(autouse=True)
def standard_promotion():
    """Optax raises a Python float to an integer power, which strict promotion forbids."""
    with jax.numpy_dtype_promotion("standard"):
        yield
