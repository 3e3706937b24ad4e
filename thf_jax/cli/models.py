"""`thf models`: what is shipped."""

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("models", help="list the shipped models", description="List the shipped models.")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a line a model: its name, its system, the side of its pictures, its parameters and the size of its file."""
    import json
    import math

    from safetensors import safe_open

    from thf_jax.inference.assets import model_folder, model_names

    print(f"{'name':<20} {'system':<14} {'pictures':>10} {'parameters':>12} {'file':>10}")
    for name in model_names():
        config = json.loads((model_folder(name) / "config.json").read_text())
        variables = model_folder(name) / "variables.safetensors"
        with safe_open(variables, framework="numpy") as tensors:
            sizes = {key: tensors.get_slice(key).get_shape() for key in tensors.keys()}  # noqa: SIM118  not a dict
        count = sum(math.prod(shape) for key, shape in sizes.items() if key.startswith("params/"))
        megabytes = variables.stat().st_size / 1e6
        side = f"{config['size']} px"
        print(f"{name:<20} {config['system']:<14} {side:>10} {count / 1e6:>10.2f} M {megabytes:>7.1f} MB")
    if not model_names():
        print("(none is shipped with this copy)")
