"""What a run says of itself: lines on the terminal and in a file, TensorBoard files, and pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from tensorboardX import SummaryWriter

from thf_jax.errors import InputError
from thf_jax.training.run_files import append_metrics

Batch = TypeVar("Batch")

TOTALS = ("loss", "gradient_norm")
"""Measures that follow from the single terms."""


class NonFiniteLossError(RuntimeError):
    """A loss term, or the gradient, became infinite or not a number."""


def check_finite(step: int, metrics: Mapping[str, float]) -> None:
    """Nothing, if every number is finite.

    Raises:
        NonFiniteLossError: with the name of the first term that is not, and the step.
    """
    # A single term says more than the sum, and the sum more than the gradient that follows from it.
    for name in sorted(metrics, key=lambda name: TOTALS.index(name) if name in TOTALS else -1):
        if not np.isfinite(metrics[name]):
            raise NonFiniteLossError(
                f"training stopped: {name!r} is {float(metrics[name])} at step {step}; "
                "the checkpoints before it are intact"
            )


class Progress:
    """Collects metrics step by step, and every `every` steps prints and writes their means.

    Args:
        workdir: where TensorBoard's files go.
        images_per_step: of the global batch, for the throughput.
        steps: of the whole run.
    """

    def __init__(self, workdir: Path, *, every: int, images_per_step: int, steps: int):
        self.workdir, self.every, self.images_per_step, self.steps = workdir, every, images_per_step, steps
        self._writer = SummaryWriter(str(workdir), write_to_disk=jax.process_index() == 0)
        self._window: list[Mapping[str, float]] = []
        self._waited = 0.0
        self._since = time.monotonic()

    def wait_for(self, batches: Iterator[Batch]) -> Batch:
        """The next batch; the time until it is there counts as input wait."""
        began = time.monotonic()
        batch = next(batches)
        self._waited += time.monotonic() - began
        return batch

    def add(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """One step's metrics; blocks until they are computed.

        Raises:
            NonFiniteLossError: see `check_finite`.
        """
        values = {name: float(value) for name, value in jax.device_get(dict(metrics)).items()}
        check_finite(step, values)
        self._window.append(values)
        if step % self.every == 0 or step == self.steps:
            self._report(step)

    def _report(self, step: int) -> None:
        seconds = time.monotonic() - self._since
        means = {name: float(np.mean([values[name] for values in self._window])) for name in self._window[0]}
        rate = self.images_per_step * len(self._window) / seconds
        waiting = self._waited / seconds
        measured = {**means, "images_per_second": rate, "input_wait": waiting}
        for name, value in measured.items():
            self._writer.add_scalar(f"train/{name}", value, step)
        self._writer.flush()
        if jax.process_index() == 0:
            append_metrics(self.workdir, step, measured)
            terms = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            line = f"step {step}/{self.steps}  {terms}  {rate:.1f} images/s  input wait {waiting:.0%}"
            print(line, flush=True)
        self._window, self._waited = [], 0.0
        self._since = time.monotonic()

    def picture(self, step: int, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """A sample picture, as a png in the folder `samples` and in TensorBoard. For process 0."""
        folder = self.workdir / "samples"
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / f"{step:08d}.png")
        self._writer.add_image("samples", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def tile(rows: list[list[Float[np.ndarray, "h w 3"]]]) -> UInt8[np.ndarray, "_h _w 3"]:
    """Rows of equally large images in [0, 1] as one picture.

    Raises:
        InputError: there is nothing to show.
    """
    if not rows:
        raise InputError("a sample picture needs at least one example")
    picture = np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
