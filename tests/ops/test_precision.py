"""Where bfloat16 becomes float32, and what each op makes of a bfloat16 map."""

import jax.numpy as jnp
import numpy as np
import pytest

from thf_jax.ops.precision import at_least_float32
from thf_jax.ops.sampling import sample

RNG = np.random.default_rng(0)
FEATURES = jnp.asarray(RNG.normal(size=(5, 6, 3)), jnp.bfloat16)
GRID = jnp.asarray(RNG.uniform(-1, 1, (40, 2)), jnp.float32)


@pytest.mark.parametrize("kind", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_fewer_digits_than_those_of_float32_become_as_many(kind):
    x = jnp.asarray([1.0, 1 / 3, -60000.0], kind)
    found = at_least_float32(x)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, np.asarray(x).astype(np.float32))


def test_a_bfloat16_map_is_read_at_float32_positions_and_rounded_once():
    found = sample(FEATURES, GRID)
    assert found.dtype == jnp.bfloat16
    expected = sample(FEATURES.astype(jnp.float32), GRID).astype(jnp.bfloat16)
    np.testing.assert_array_equal(found, expected)
