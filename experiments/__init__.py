"""Commands that are run from a clone: `python -m experiments.train`, `python -m experiments.evaluate`."""
