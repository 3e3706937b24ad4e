"""`thf export`: a training run's newest checkpoint, or another model, to a model directory, also with programs."""

from __future__ import annotations

import argparse
from typing import Any

FORMATS = ("safetensors", "stablehlo", "onnx")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    text = (
        "Write a model as a model directory: config.json, variables.safetensors and MODEL_CARD.md; with --format "
        "stablehlo or onnx also its verbs as programs, which run without this library."
    )
    parser = subparsers.add_parser("export", help="write a trained model as a model directory", description=text)
    parser.add_argument("model", metavar="MODEL", help="a training workdir, a model directory or a shipped model")
    parser.add_argument("out", metavar="OUT", help="the model directory to write; a model in it is replaced")
    parser.add_argument("--format", choices=FORMATS, default="safetensors", help="(%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the model directory."""
    from thf_jax.inference.load import load, named_checkpoint
    from thf_jax.interop.export import check_format, onnx_programs, stablehlo_programs
    from thf_jax.interop.model_card import trained_card, with_programs
    from thf_jax.interop.model_directory import CARD, check_target, save_model

    check_format(options.format)
    animator = load(options.model)
    check_target(options.out)
    folder, _ = named_checkpoint(options.model)
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else trained_card(animator.system, animator.size, folder)
    write = {"stablehlo": stablehlo_programs, "onnx": onnx_programs}.get(options.format)
    programs = write(animator) if write else {}
    target = save_model(options.out, animator, with_programs(text, animator, options.format), programs)
    print(f"wrote {target}")
