"""The command `thf`."""

from collections.abc import Sequence

from thf_jax import __version__
from thf_jax.cli import animate, convert, demo, doctor, export, models, motion
from thf_jax.cli.exit_status import exit_status, terminable
from thf_jax.cli.parser import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, see `exit_status`.

    Args:
        arguments: the words after `thf`; by default those of the process.
    """
    with terminable():
        return exit_status("thf", _work, arguments)


def _work(words: list[str]) -> None:
    options = _parser().parse_args(words)
    options.run(options)


def _parser() -> Parser:
    parser = Parser(prog="thf", description="Make a portrait move as the person in a video does.")
    parser.add_argument("--version", action="version", version=f"thf_jax {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (animate, motion, demo, convert, export, models, doctor):
        command.add_parser(commands)
    return parser
