"""Commands that are run from a clone, such as `python -m experiments.train` and `python -m experiments.evaluate`."""
