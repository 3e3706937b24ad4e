"""`thf export`: a training run's newest checkpoint, or another model, to a model directory."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    text = "Write a model as a model directory: config.json, variables.safetensors and MODEL_CARD.md."
    parser = subparsers.add_parser("export", help="write a trained model as a model directory", description=text)
    parser.add_argument("model", metavar="MODEL", help="a training workdir, a model directory or a shipped model")
    parser.add_argument("out", metavar="OUT", help="the model directory to write; a model in it is replaced")
    parser.add_argument("--format", choices=["safetensors"], default="safetensors", help="(%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the model directory."""
    from thf_jax.inference.assets import FOLDER, model_names
    from thf_jax.inference.load import load, named_checkpoint
    from thf_jax.interop.model_card import trained_card
    from thf_jax.interop.model_directory import CARD, check_target, save_model

    animator = load(options.model)
    check_target(options.out)
    folder = FOLDER / "models" / options.model if options.model in model_names() else named_checkpoint(options.model)[0]
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else trained_card(animator.system, animator.size, folder)
    print(f"wrote {save_model(options.out, animator, text)}")
