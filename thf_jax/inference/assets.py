"""What ships inside the package: models, a portrait, motions."""

from pathlib import Path

from thf_jax.errors import InputError, nearest

FOLDER = Path(__file__).resolve().parents[1] / "assets"
PORTRAIT_SUFFIXES = (".png", ".jpg")


def model_names() -> list[str]:
    """The names of the shipped models, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob("models/*/config.json"))


def default_model() -> str:
    """The name of the model that is used where none is named: the first one.

    Raises:
        InputError: this copy of the package carries no model.
    """
    names = model_names()
    if not names:
        raise InputError("this copy of thf_jax carries no model; name a model directory with --model")
    return names[0]


def model_folder(name: str) -> Path:
    """The model directory of a shipped model.

    Raises:
        InputError: none has this name.
    """
    if name not in model_names():
        raise InputError(f"no model named {name!r} is shipped{nearest(name, model_names())}")
    return FOLDER / "models" / name


def motion_names() -> list[str]:
    """The names of the shipped motions, sorted."""
    return sorted(path.stem for path in FOLDER.glob("motions/*.motion"))


def default_motion() -> str:
    """The name of the motion that the demo plays: the first one.

    Raises:
        InputError: this copy of the package carries no motion.
    """
    names = motion_names()
    if not names:
        raise InputError("this copy of thf_jax carries no motion; `thf motion extract` makes one from a clip")
    return names[0]


def motion_path(name: str) -> Path:
    """The file of a shipped motion.

    Raises:
        InputError: none has this name.
    """
    if name not in motion_names():
        raise InputError(f"no motion named {name!r} is shipped{nearest(name, motion_names())}")
    return FOLDER / "motions" / f"{name}.motion"


def portrait_path() -> Path:
    """The shipped portrait.

    Raises:
        InputError: this copy of the package carries none.
    """
    for suffix in PORTRAIT_SUFFIXES:
        if (FOLDER / f"portrait{suffix}").is_file():
            return FOLDER / f"portrait{suffix}"
    raise InputError("this copy of thf_jax carries no portrait; animate a picture of yours with `thf animate`")
