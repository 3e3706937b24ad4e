"""Pure functions of arrays: one example, channels last, no parameters. Batch them with `jax.vmap`."""
