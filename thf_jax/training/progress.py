"""What a run says of itself: lines on the terminal and in a file, TensorBoard files, and pictures."""

from __future__ import annotations

import contextlib
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
from thf_jax.training.run_files import EVALUATED, append_metrics
from thf_jax.training.wandb_copy import WandbCopy

Batch = TypeVar("Batch")

TOTALS = ("loss", "gradient_norm", "discriminator_gradient_norm")
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


LEAST_IN_A_ROW = 10
"""Steps that are skipped one after the other before a run is given up, at least."""


class Progress:
    """Collects metrics step by step, and every `every` steps prints and writes their means.

    Steps that were skipped, as their metric `skipped` tells, are counted and leave the means alone.

    Args:
        workdir: where TensorBoard's files go.
        images_per_step: of the global batch, for the throughput.
        steps: of the whole run.
        devices: that take the step together.
        copy: where numbers and pictures go as well.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        every: int,
        images_per_step: int,
        steps: int,
        devices: int = 1,
        copy: WandbCopy | None = None,
    ):
        self.workdir, self.every, self.images_per_step, self.steps = workdir, every, images_per_step, steps
        self.devices = devices
        self._writer = SummaryWriter(str(workdir), write_to_disk=jax.process_index() == 0)
        self._copy = copy
        self._window: list[Mapping[str, float]] = []
        self._skipped_in_a_row = 0
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
            NonFiniteLossError: see `check_finite`; of steps that may be skipped, where as many in a row were as a line
                tells of, and no fewer than `LEAST_IN_A_ROW`.
        """
        values = {name: float(value) for name, value in jax.device_get(dict(metrics)).items()}
        if values.get("skipped"):
            self._count_skipped(step)
        else:
            self._skipped_in_a_row = 0
            check_finite(step, values)
        self._window.append(values)
        if step % self.every == 0 or step == self.steps:
            self._report(step)

    def _count_skipped(self, step: int) -> None:
        self._skipped_in_a_row += 1
        if self._skipped_in_a_row >= max(self.every, LEAST_IN_A_ROW):
            raise NonFiniteLossError(
                f"training stopped: the last {self._skipped_in_a_row} steps, up to step {step}, were all skipped, each "
                "for a loss or gradient that is not finite; the checkpoints are intact"
            )

    def _report(self, step: int) -> None:
        seconds = time.monotonic() - self._since
        taken = [values for values in self._window if not values.get("skipped")]
        names = [name for name in self._window[0] if name != "skipped"] if taken else []
        means = {name: float(np.mean([values[name] for values in taken])) for name in names}
        skipped = len(self._window) - len(taken)
        counted = {"skipped": float(skipped)} if "skipped" in self._window[0] else {}
        rate = self.images_per_step * len(self._window) / seconds
        waiting = self._waited / seconds
        throughput = {"images_per_second": rate, "images_per_second_per_device": rate / self.devices}
        said = [f"{name} {value:.4f}" for name, value in means.items()]
        said += [f"{skipped} of {len(self._window)} steps skipped"] if skipped else []
        said += [f"{rate:.1f} images/s ({rate / self.devices:.1f} a device)", f"input wait {waiting:.0%}"]
        self._write("train/", step, {**means, **counted, **throughput, "input_wait": waiting}, "  ".join(said))
        self._window, self._waited = [], 0.0
        self._since = time.monotonic()

    def _write(self, prefix: str, step: int, measured: Mapping[str, float], line: str) -> None:
        for name, value in measured.items():
            self._writer.add_scalar(prefix + name, value, step)
        self._writer.flush()
        if jax.process_index() == 0:
            kept = {prefix + name: value for name, value in measured.items()} if prefix == EVALUATED else measured
            append_metrics(self.workdir, step, kept)
            print(f"step {step}/{self.steps}  {line}", flush=True)
        if self._copy is not None:
            self._copy.numbers(step, {prefix + name: value for name, value in measured.items()})

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time that does not count for the throughput, since no step is taken in it."""
        began = time.monotonic()
        yield
        self._since += time.monotonic() - began

    def evaluation(self, step: int, scores: Mapping[str, float]) -> None:
        """The scores of held-out clips after a step, see `held_out.held_out_scores`."""
        shown = (f"{name} {scores[name]:.4f} (copying {scores[f'{name}_copying']:.4f})" for name in ("l1", "ssim"))
        self._write(EVALUATED, step, scores, "  ".join(["held out:", *shown]))

    def picture(self, step: int, picture: UInt8[np.ndarray, "h w 3"]) -> None:
        """A sample picture, as a png in the folder `samples` and in TensorBoard. For process 0."""
        folder = self.workdir / "samples"
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / f"{step:08d}.png")
        self._writer.add_image("samples", picture, step, dataformats="HWC")
        if self._copy is not None:
            self._copy.picture(step, picture)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
        if self._copy is not None:
            self._copy.close()


def tile(rows: list[list[Float[np.ndarray, "h w 3"]]]) -> UInt8[np.ndarray, "_h _w 3"]:
    """Rows of equally large images in [0, 1] as one picture.

    Raises:
        InputError: there is nothing to show.
    """
    if not rows:
        raise InputError("a sample picture needs at least one example")
    picture = np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
