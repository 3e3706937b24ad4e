"""What every test stands on: eight fake CPU devices, strict dtypes, a compilation cache, the reference data."""

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# JAX reads these when it starts, so they stand before its import. Commands that tests start inherit them.
EIGHT_DEVICES = "--xla_force_host_platform_device_count=8"
flags = os.environ.get("XLA_FLAGS", "").split()
os.environ["XLA_FLAGS"] = " ".join([*(flag for flag in flags if flag != EIGHT_DEVICES), EIGHT_DEVICES])
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.pop("JAX_ENABLE_X64", None)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")

import jax  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")

# The first example of a property compiles, which no deadline foresees; the same examples each time keep a failure.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference data: golden arrays and layer lists of the original implementations."""
    folder = Path(os.environ.get("THF_REFERENCE_DIR", ROOT.parent / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}: set THF_REFERENCE_DIR to the folder that has golden/")
    return folder
