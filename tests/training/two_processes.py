"""One of two processes of a run that comes to its second step, saves, and then waits for ever for data.

python -m tests.training.two_processes COORDINATOR PROCESS SYSTEM DATA WORKDIR
"""

import sys
import time
from pathlib import Path

from data_pipelines.datasets import open_dataset
from tests.training.samples import tiny
from thf_jax.training.distributed import joined
from thf_jax.training.loop import train


def settings(system, size):
    """A run of four steps. The learning rate falls after the third, which a resumed schedule must know."""
    changes = {"size": size, "optimizer.epsilon": 1e-3, "optimizer.decay_at": (0.75,)}
    if system == "fomm":  # half of what there is to compile
        changes |= {"loss.equivariance_position": 0.0, "loss.equivariance_jacobian": 0.0}
    return tiny(system, **changes)


class EndsAfter:
    """A dataset that gives no more frames than so many."""

    def __init__(self, dataset, frames):
        self._dataset, self._left = dataset, frames

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def frame(self, number):
        self._left -= 1
        if self._left < 0:
            time.sleep(3600)
        return self._dataset.frame(number)


if __name__ == "__main__":
    coordinator, process, system, data, workdir = sys.argv[1:]
    with joined(coordinator, 2, int(process)):
        dataset = open_dataset(data, "train")
        config = settings(system, dataset.size)
        frames = 2 * 2 * config.train.batch_size // 2  # two steps of source and driving, a half for each process
        train(config, Path(workdir), EndsAfter(dataset, frames))
