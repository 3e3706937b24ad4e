import gzip
import io
import json
import tarfile
import zipfile

import pytest

from tests.interop.samples import FIXTURES, LAYOUTS
from thf_jax.errors import InputError
from thf_jax.interop.torch_reader import read_checkpoint

CHECKPOINT = (FIXTURES / LAYOUTS[1]).read_bytes()


def tar_of(*names: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(CHECKPOINT)
            archive.addfile(member, io.BytesIO(CHECKPOINT))
    return stream.getvalue()


def zip_of(compression: int, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_pkl", ".pkl"), content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title>", "is a web page"),
        (b"\n  <html>", "is a web page"),
        (b"model_params:\n  num_kp: 10\n", "is a text file"),
        (("Modell für Köpfe\n" * 200).encode(), "is a text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (gzip.compress(CHECKPOINT), "is a gzip archive"),
        (tar_of("vox-cpk.pth.tar"), "is a real tar archive"),
        (tar_of("storages", "tensors", "pickle"), "torch 0.1.9 or older"),
        (tar_of("./storages", "./tensors", "./pickle"), "torch 0.1.9 or older"),
        (zip_of(zipfile.ZIP_STORED, vox=CHECKPOINT), "is a zip archive but no torch checkpoint"),
        (zip_of(zipfile.ZIP_STORED, a__data_pkl=b"N.", b__data_pkl=b"N."), "is a zip archive but no torch checkpoint"),
        (zip_of(zipfile.ZIP_STORED, a__data_pkl=b"N.", a__constants_pkl=b"N."), "TorchScript"),
        (zip_of(zipfile.ZIP_DEFLATED, a__data_pkl=b"N." + bytes(10**7)), "compressed zip archive"),
        (b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00}.", "pickle that torch did not write"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (bytes(range(256)) * 4, "no PyTorch checkpoint"),
        (b"\x10" + bytes(7) + b'{"x":' + bytes(20), "damaged"),
    ],
)
def test_other_files_get_one_clear_sentence(tmp_path, content, sentence):
    path = tmp_path / "vox-cpk.pth.tar"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_checkpoint(tmp_path / "missing.pth.tar")


@pytest.mark.parametrize("kind", ["F8_E4M3", "C64", "F4"])
def test_numbers_that_no_checkpoint_has(tmp_path, kind):
    size = 16 if kind == "F4" else 8 // (8 if kind == "C64" else 1)
    header = json.dumps({"x": {"dtype": kind, "shape": [size], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "vox.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(InputError, match=f"'x' of type {kind}"):
        read_checkpoint(path)
