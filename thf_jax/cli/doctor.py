"""`thf doctor`: whether this installation works, part by part, and what each part is."""

import argparse
from collections.abc import Callable
from typing import Any

EXTRAS = {
    "onnxruntime": ("onnxruntime", "thf animate --backend onnxruntime"),
    "faces": ("dlib", "landmarks and head pose of real faces"),
    "sweep": ("optuna", "experiments.ablate"),
    "wandb": ("wandb", "a copy of runs at Weights & Biases"),
    "beam": ("apache_beam", "datasets made on a cluster"),
    "tf": ("tensorflow", "tfds.load"),
}
"""Of each extra, and of a package that needs none, a module that it installs, and what for."""

ACCELERATORS = {"/dev/nvidia0": "cuda", "/dev/accel0": "tpu"}
"""Device files of accelerators, and the extra whose JAX uses them."""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    text = "Try every part that animation needs, and say what is installed. Exit status 1 if a part does not work."
    parser = subparsers.add_parser("doctor", help="try whether the installation works", description=text)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a line a part.

    Raises:
        RuntimeError: some of them do not work.
    """
    checks = {"python": python, "jax": devices, "compiled": kept, "video": video, "frames": frames, "extras": extras}
    failed = [name for name, check in checks.items() if not _passes(name, check)]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(checks)} parts do not work: {', '.join(failed)}")


def _passes(name: str, check: Callable[[], str]) -> bool:
    try:
        text, passed = check(), True
    except Exception as error:  # whatever is broken here is to be told, and the parts after it to be tried
        text, passed = f"FAILED: {' '.join(str(error).splitlines()[:1]) or type(error).__name__}", False
    print(f"{name:<10} {text}")
    return passed


def python() -> str:
    """The versions, and where the package lies."""
    import platform
    from pathlib import Path

    import thf_jax

    where = Path(thf_jax.__file__).parent
    return f"{platform.python_version()} on {platform.platform()}; thf_jax {thf_jax.__version__} in {where}"


def devices() -> str:
    """JAX's version and devices.

    Raises:
        RuntimeError: there is an accelerator that JAX does not use.
    """
    import os
    from pathlib import Path

    import jax

    backend = jax.default_backend()
    text = f"{jax.__version__}, {len(jax.devices())} x {jax.devices()[0].device_kind} ({backend})"
    for file, extra in ACCELERATORS.items():
        if backend == "cpu" and Path(file).exists() and not os.environ.get("JAX_PLATFORMS"):
            raise RuntimeError(f'{text}: {file} is there, but JAX uses the CPU alone; pip install "thf-jax[{extra}]"')
    return text


def kept() -> str:
    """Where compiled programs are kept."""
    import jax

    from thf_jax.cli.compilation_cache import keep_compiled_programs

    keep_compiled_programs()
    folder = jax.config.values["jax_compilation_cache_dir"]
    return f"programs are kept in {folder}" if folder else "programs are not kept: no cache folder can be written"


def video() -> str:
    """That a video with H.264 can be written and read again.

    Raises:
        RuntimeError: it comes back with other frames.
    """
    import tempfile
    from fractions import Fraction
    from pathlib import Path

    import av
    import numpy as np

    from data_pipelines.clips import open_clip
    from thf_jax.inference.video import open_video

    drawn = np.full((3, 64, 64, 3), [[[[200]]], [[[120]]], [[[40]]]], np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "try.mp4"
        with open_video(path, Fraction(25)) as write:
            for frame in drawn:
                write(frame)
        found = np.stack(list(open_clip(path).frames()))
    if found.shape != drawn.shape or np.abs(found.astype(int) - drawn).max() > 20:
        raise RuntimeError(f"3 grey frames came back as {found.shape[0]} others of {found.shape[1:3]}")
    return f"H.264 is written and read (PyAV {av.__version__})"


def frames() -> str:
    """How fast the shipped model renders the shipped portrait."""
    import time

    import jax

    from thf_jax.inference.assets import default_model, default_motion, motion_path, portrait_path
    from thf_jax.inference.driving import read_source
    from thf_jax.inference.load import load
    from thf_jax.inference.motion_files import read_motion

    animator, motions = load(default_model()), list(read_motion(motion_path(default_motion())))
    encoded = animator.encode(read_source(portrait_path()))
    jax.block_until_ready(animator.render(encoded, motions[0]))
    start, count = time.perf_counter(), 0
    while count < len(motions) and time.perf_counter() - start < 1:
        jax.block_until_ready(animator.render(encoded, motions[count]))
        count += 1
    rate = count / (time.perf_counter() - start)
    return f"{default_model()} renders {animator.size} x {animator.size} pixels at {rate:.0f} frames/s"


def extras() -> str:
    """Which of them are there."""
    import importlib.util

    from thf_jax.interop.export import ONNX_MODULES

    wanted: dict[str, tuple[tuple[str, ...], str]] = {name: ((module,), use) for name, (module, use) in EXTRAS.items()}
    wanted["onnx with jax2onnx"] = (ONNX_MODULES, "thf export --format onnx")
    present = {name: all(map(importlib.util.find_spec, modules)) for name, (modules, _) in wanted.items()}
    there = ", ".join(name for name, found in present.items() if found) or "none"
    missing = "; ".join(f"{name} ({wanted[name][1]})" for name, found in present.items() if not found)
    return f"{there}" + (f"; not installed: {missing}" if missing else "")
