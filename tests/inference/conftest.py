"""The network that the tests of inference share."""

import pytest

from tests.inference.samples import tiny_animator
from thf_jax.models.animator import Animator


@pytest.fixture(scope="session")
def animator() -> Animator:
    return tiny_animator()
