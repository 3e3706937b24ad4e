"""Data parallelism: one mesh over every device, the batch split along it, everything else on each device.

`jax.jit` with these shardings is what `pmap` became: one program, in which a mean over the batch is a mean over the
global batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from thf_jax.errors import InputError


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh with the one axis `data` over these devices, or over all that there are."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def split(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: its first axis along the mesh."""
    return NamedSharding(mesh, PartitionSpec("data"))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of the state: a whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def local_batch_size(batch_size: int, mesh: Mesh, micro_batches: int = 1) -> int:
    """How many examples of a global batch this process has to load.

    Raises:
        InputError: the batch, or each of its micro-batches, does not divide evenly among the devices.
    """
    parts = mesh.size * micro_batches
    if batch_size % parts:
        nearest = max(1, round(batch_size / parts)) * parts
        among = f"{mesh.size} devices" + (f" in {micro_batches} micro-batches" if micro_batches > 1 else "")
        raise InputError(
            f"a batch of {batch_size} does not divide evenly among {among}; the nearest that does is {nearest}"
        )
    return batch_size // mesh.size * len(mesh.local_devices)


def to_devices(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """This process's part of a batch as part of one global array. The copy runs beside the computation."""
    return {name: jax.make_array_from_process_local_data(split(mesh), array) for name, array in batch.items()}


def replicate(tree: Any, mesh: Mesh) -> Any:
    """A pytree of arrays, copied to every device."""
    return jax.device_put(tree, replicated(mesh))


def local_copy(tree: Any) -> Any:
    """What this process's first device holds of each array: the whole of a replicated one, a part of a split one."""
    return jax.tree.map(lambda x: x.addressable_data(0), tree)
