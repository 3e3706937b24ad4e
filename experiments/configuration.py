"""Configurations as the commands here take them: `--config FILE[:VARIANT]` and `--config.path=value`."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags
from ml_collections import config_flags

from thf_jax.errors import InputError
from thf_jax.training.config import Config

OVERRIDE = "--config."


def load_config(text: str, overrides: Sequence[str] = ()) -> Config:
    """The configuration that `experiments.train` would train by.

    Args:
        text: a file and, after a colon, variants.
        overrides: words `--config.path=value`.

    Raises:
        InputError: there is none, or an override does not fit it.
    """
    words, values = ["", f"--config={text}", *overrides], flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=words)
    try:
        values(words)
        values.config.system  # noqa: B018  a configuration that could not be loaded says so when it is first asked
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(explain(error)) from error
    return values.config


def explain(error: Exception) -> str:
    """One sentence of what absl and ml_collections say of a wrong option or configuration."""
    text = str(error.args[0] if error.args else error)
    if "No such file" in text:
        file = text.rsplit(": ", 1)[-1].strip("'")
        return f"there is no configuration file {file}; configs/fomm.py is one"
    if "Traceback" in text:  # of the configuration file: its last line is the error itself
        text = text.strip().splitlines()[-1].partition(": ")[2]
    if isinstance(error, (KeyError, AttributeError)):
        cleaned = text.replace("\\n", " ").replace("\\'", "'").strip("\"'")
        text = f"no entry {cleaned}"
    return f"the configuration or an option is wrong: {' '.join(text.split())}"


def without_overrides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command line without those that override a configuration, and these.

    Raises:
        InputError: an override has no value.
    """
    overrides = [word for word in words if word.startswith(OVERRIDE)]
    for word in overrides:
        if "=" not in word:
            raise InputError(f"{word} has no value: write it behind a sign, as in --config.train.steps=1000")
    return [word for word in words if word not in overrides], overrides
