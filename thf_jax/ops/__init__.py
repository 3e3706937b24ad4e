"""Pure functions of arrays: one example, channels last, no parameters. Leading axes `*b` broadcast; else `jax.vmap`."""
