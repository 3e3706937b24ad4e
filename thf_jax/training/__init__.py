"""Training: the state, the pure step, the loop around it, checkpoints, and devices."""
