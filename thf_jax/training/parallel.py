"""Data parallelism: one mesh over every device, the batch split along it, everything else on each device.

`jax.jit` with these shardings is what `pmap` became: one program, in which a mean over the batch is a mean over the
global batch. The state may be split along the same mesh; it then takes a device's share of the memory and is put
together where it is used.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from thf_jax.errors import InputError

AnyMesh = Mesh | AbstractMesh
"""Shardings are alike on devices that are there and on those that are only thought of."""

_PATIENCE = 30 * 60 * 1000
"""Milliseconds for which a process waits for the others, which may compile or read more slowly."""

LARGE = 2**16
"""Numbers in an array from which on it is worth splitting: a smaller one costs more to put together than to keep."""


def data_mesh(devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh with the one axis `data` over these devices, or over all that there are.

    Those of one process follow on each other, and processes in their order, so that the batches that they load are one
    after the other the global batch. (`jax.make_mesh` orders TPUs by where they stand in the pod.)
    """
    devices = jax.devices() if devices is None else devices
    ordered = sorted(devices, key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(ordered), ("data",), axis_types=(AxisType.Auto,))


def split(mesh: AnyMesh) -> NamedSharding:
    """The sharding of a batch: its first axis along the mesh."""
    return NamedSharding(mesh, PartitionSpec("data"))


def replicated(mesh: AnyMesh) -> NamedSharding:
    """The sharding of what every device has a whole copy of."""
    return NamedSharding(mesh, PartitionSpec())


def partition(shape: Sequence[int], devices: int) -> PartitionSpec:
    """How a parameter of this shape is split: along its largest axis that divides by the number of devices.

    Arrays of less than `LARGE` numbers and those without such an axis stay whole. Of equally large axes the last is
    taken, which in a kernel counts the outputs.
    """
    axes = [axis for axis, length in enumerate(shape) if length % devices == 0]
    if not axes or np.prod(shape) < LARGE:
        return PartitionSpec()
    largest = max(axes, key=lambda axis: (shape[axis], axis))
    return PartitionSpec(*(["data" if axis == largest else None for axis in range(largest + 1)]))


def shardings(state: Any, mesh: AnyMesh, *, shard_parameters: bool) -> Any:
    """The sharding of every array of a state, as a pytree: see `partition`, or a whole copy on each device."""
    if not shard_parameters:
        return jax.tree.map(lambda _: replicated(mesh), state)
    return jax.tree.map(lambda x: NamedSharding(mesh, partition(x.shape, mesh.size)), state)


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


def shapes(tree: Any, shardings: Any) -> Any:
    """A pytree of arrays or shapes as one of shapes alone, each with the sharding at its place."""
    return jax.tree.map(lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree, shardings)


def place(tree: Any, shardings: Any) -> Any:
    """A pytree of arrays that this process has whole, each with the sharding at its place.

    Every process must have the same values: unlike `jax.device_put` this does not compare them, which takes a
    collective for each array.
    """
    return jax.tree.map(_place, tree, shardings)


def _place(x: Any, sharding: NamedSharding) -> jax.Array:
    if sharding.is_fully_addressable:
        return jax.device_put(x, sharding)
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_place(jax.random.key_data(x), sharding), impl=jax.random.key_impl(x))
    whole = np.asarray(x)
    return jax.make_array_from_callback(whole.shape, sharding, whole.__getitem__)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """A pytree of arrays that this process has whole, copied to every device; see `place`."""
    return place(tree, jax.tree.map(lambda _: replicated(mesh), tree))


def whole(tree: Any, mesh: Mesh) -> Any:
    """A pytree of arrays of this mesh, put together on every device. All processes have to take part."""
    return jax.device_put(tree, replicated(mesh))


def local_copy(tree: Any) -> Any:
    """What this process's first device holds of each array: the whole of a replicated one, a part of a split one."""
    return jax.tree.map(lambda x: x.addressable_data(0), tree)


def wait_for_all(reason: str) -> None:
    """Nothing, once every process of the run has come to this line for this reason.

    They meet at the coordinator, and not in a collective, which on CPUs gives up after half a minute.
    """
    ocp.multihost.get_barrier_sync_fn()(key=reason, timeout_ms=_PATIENCE)
