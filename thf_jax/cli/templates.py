"""`thf motion import` and `thf motion export`: LivePortrait's own motion templates."""

import argparse
from typing import Any


def add_template_actions(actions: Any) -> None:
    """Add the two actions."""
    text = "Write a motion template of LivePortrait as a motion file. Nothing in the template is run."
    reading = actions.add_parser("import", description=text)
    reading.add_argument("template", metavar="TEMPLATE.pkl")
    reading.add_argument("output", metavar="OUT.motion")
    reading.set_defaults(run=run_import)

    text = "Write a motion file of LivePortrait as a template that the original reads."
    writing = actions.add_parser("export", description=text)
    writing.add_argument("file", metavar="FILE.motion")
    writing.add_argument("output", metavar="OUT.pkl")
    writing.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> None:
    """Write the motion file."""
    from thf_jax.inference.motion_files import write_motion
    from thf_jax.interop.liveportrait_templates import read_template

    file = read_template(options.template)
    write_motion(options.output, file, system=file.system, rate=file.rate, size=file.size)
    print(f"wrote {options.output}: {len(file)} frames")


def run_export(options: argparse.Namespace) -> None:
    """Write the template."""
    from thf_jax.inference.motion_files import read_motion
    from thf_jax.interop.liveportrait_templates import write_template

    file = read_motion(options.file)
    write_template(options.output, file)
    print(f"wrote {options.output}: {len(file)} frames")
