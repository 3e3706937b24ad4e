"""One of two processes of a run that comes to its second step, saves, and then waits for ever for data.

python -m tests.training.two_processes COORDINATOR PROCESS SYSTEM DATA WORKDIR
"""

import itertools
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


def end_after(dataset, frames):
    """The dataset gives so many frames; who asks for another waits."""
    read, left = dataset.frame, itertools.count(frames, -1)

    def frame(number):
        if next(left) <= 0:
            time.sleep(3600)
        return read(number)

    object.__setattr__(dataset, "frame", frame)  # the dataset is frozen, and of its class labels are asked


if __name__ == "__main__":
    coordinator, process, system, data, workdir = sys.argv[1:]
    with joined(coordinator, 2, int(process)):
        dataset = open_dataset(data, "train")
        config = settings(system, dataset.size)
        frames = 2 * 2 * config.train.batch_size // 2  # two steps of source and driving, a half for each process
        end_after(dataset, frames)
        train(config, Path(workdir), dataset)
