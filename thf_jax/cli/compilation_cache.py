"""Compiled programs kept from one run to the next."""

import os
from pathlib import Path

import jax

SHORTEST = 0.2
"""Seconds of compilation from which on keeping the result pays."""


def keep_compiled_programs() -> None:
    """Let JAX keep what it compiles in the user's cache folder, unless JAX_COMPILATION_CACHE_DIR names another one."""
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(caches / "thf_jax" / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST)
