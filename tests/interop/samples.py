"""Checkpoint files written by hand, opcode by opcode: no torch, and also what torch itself would never write.

And the published networks at full size, without their numbers.
"""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
LAYOUTS = ("fomm_zip.pth.tar", "fomm_legacy.pth.tar")
MAGIC = 0x1950A86A20F9469CFC6C


def body(value: object) -> bytes:
    """The instructions that push a plain value: its pickle without head and end."""
    return pickle.dumps(value, 2)[2:-1]


def named(name: str) -> bytes:
    """The instruction that pushes the object of a dotted name."""
    module, attribute = name.rsplit(".", 1)
    return f"c{module}\n{attribute}\n".encode()


def tensor(
    *,
    storage: str = "torch.FloatStorage",
    key: str = "0",
    device: str = "cpu",
    count: int = 6,
    view: tuple | None = None,
    offset: int = 0,
    shape: tuple = (2, 3),
    strides: tuple = (3, 1),
    rebuild: str = "torch._utils._rebuild_tensor_v2",
) -> bytes:
    """The instructions that push a tensor, as torch writes them; with `view` as torch before 0.4 did."""
    reference = b"(" + body("storage") + named(storage) + body(key) + body(device) + body(count) + body(view) + b"tQ"
    numbers = body(offset) + body(shape) + body(strides) + b"\x89" + named("collections.OrderedDict") + b")R"
    return named(rebuild) + b"(" + reference + numbers + b"tR"


def write_zip(
    folder: Path, instructions: bytes, storages: dict[str, bytes] | None = None, members: dict[str, bytes] | None = None
) -> Path:
    """A zip checkpoint of the instructions that push its value, its storages by key, and further members."""
    path = folder / "checkpoint.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + instructions + b".")
        for name, content in (members or {}).items():
            archive.writestr(f"archive/{name}", content)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


def write_legacy(folder: Path, instructions: bytes, storages: dict[str, tuple[int, bytes]] | None = None) -> Path:
    """A legacy checkpoint; storages are (count, bytes) by key."""
    stream = io.BytesIO()
    for value in (MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(value, stream, 2)
    stream.write(b"\x80\x02" + instructions + b".")
    pickle.dump(list(storages or {}), stream, 2)
    for count, content in (storages or {}).values():
        stream.write(struct.pack("<q", count) + content)
    path = folder / "checkpoint.pth.tar"
    path.write_bytes(stream.getvalue())
    return path


def expected_tensors() -> dict[str, dict[str, tuple[str, np.ndarray]]]:
    """By network and name the type and the values that torch itself has for the fixtures."""
    networks: dict[str, dict[str, tuple[str, np.ndarray]]] = {}
    with np.load(FIXTURES / "fomm_expected.npz") as archive:
        for label, values in archive.items():
            network, name, dtype = label.split("/")
            networks.setdefault(network, {})[name] = (dtype, values)
    return networks


def antialias_filter() -> np.ndarray:
    """What the published networks blur with before they take every fourth pixel."""
    distance = np.arange(13) - 6
    line = np.exp(-(distance**2) / (2 * 1.5**2)).astype(np.float32)
    return np.broadcast_to(np.outer(line, line) / line.sum() ** 2, (3, 1, 13, 13))


def full_size(
    reference: Path, system: str, networks: Iterable[str], prefix: str = ""
) -> dict[str, dict[str, np.ndarray]]:
    """All the tensors of the published networks, of zeros that take no memory, and their anti-alias filters."""
    names = json.loads((reference / "state_dicts" / f"{system}.json").read_text())
    return {
        network: {
            name: antialias_filter() if name.endswith("down.weight") else np.broadcast_to(np.float32(0), shape)
            for name, shape in names[prefix + network].items()
        }
        for network in networks
    }
