import hashlib
import shutil
import zipfile

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.samples import FIXTURES, LAYOUTS, body, expected_tensors, named, tensor, write_legacy, write_zip
from thf_jax.errors import InputError
from thf_jax.interop.torch_reader import file_hash, read_checkpoint

SIX = np.arange(6, dtype=np.float32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_layouts_give_what_torch_has(layout):
    checkpoint = read_checkpoint(FIXTURES / layout)
    for network, tensors in expected_tensors().items():
        assert list(checkpoint[network]) == list(tensors)
        for name, (dtype, values) in tensors.items():
            found = checkpoint[network][name]
            assert str(found.dtype) == dtype, name
            np.testing.assert_array_equal(found.astype(values.dtype), values, err_msg=name)
    assert checkpoint["epoch"] == 99
    group = checkpoint["optimizer_kp_detector"]["param_groups"][0]
    assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))


def test_the_fixtures_are_awkward():
    """Half precisions, doubles, strides, an offset and a shared storage are in them; devices of three kinds are."""
    checkpoint = read_checkpoint(FIXTURES / LAYOUTS[0])
    generator = checkpoint["generator"]
    assert {"float16", "bfloat16", "float64", "int64", "float32"} <= {str(x.dtype) for x in generator.values()}
    assert not generator["final.weight"].flags.c_contiguous
    first, second = generator["first.conv.bias"], generator["first.norm.bias"]
    assert second.ctypes.data == first.ctypes.data + first.nbytes
    with zipfile.ZipFile(FIXTURES / LAYOUTS[0]) as archive:
        program = archive.read("fomm_zip.pth/data.pkl")
    assert all(device in program for device in (b"cuda:0", b"cuda:3", b"mps", b"cpu"))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("Double", np.float64),
        ("Float", np.float32),
        ("Half", np.float16),
        ("BFloat16", ml_dtypes.bfloat16),
        ("Long", np.int64),
        ("Int", np.int32),
        ("Short", np.int16),
        ("Char", np.int8),
        ("Byte", np.uint8),
        ("Bool", np.bool_),
    ],
)
@pytest.mark.parametrize("module", ["torch", "torch.cuda"])
def test_every_type_of_number(tmp_path, name, dtype, module):
    numbers = np.array([0, 1, 1, 0, 1, 0]).astype(dtype)
    program = tensor(storage=f"{module}.{name}Storage", device="cuda:7")
    expected = numbers.reshape(2, 3)
    zipped = read_checkpoint(write_zip(tmp_path, program, {"0": numbers.tobytes()}))
    legacy = read_checkpoint(write_legacy(tmp_path, program, {"0": (6, numbers.tobytes())}))
    for found in (zipped, legacy):
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_the_byte_order_of_zip_files_is_honoured(tmp_path, dtype):
    kind = "torch.FloatStorage" if dtype == np.float32 else "torch.BFloat16Storage"
    swapped = SIX.astype(dtype).view(np.uint8).reshape(6, -1)[:, ::-1].tobytes()
    path = write_zip(tmp_path, tensor(storage=kind), {"0": swapped}, {"byteorder": b"big"})
    assert read_checkpoint(path).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_views_of_a_storage_that_old_files_have(tmp_path):
    program = tensor(count=9, view=("key", 2, 6), shape=(3, 2), strides=(1, 3))
    path = write_legacy(tmp_path, program, {"0": (9, np.arange(9, dtype=np.float32).tobytes())})
    assert read_checkpoint(path).tolist() == [[2, 5], [3, 6], [4, 7]]


def test_the_rebuilder_of_torch_before_0_4(tmp_path):
    path = write_legacy(tmp_path, tensor(rebuild="torch._utils._rebuild_tensor"), {"0": (6, SIX.tobytes())})
    assert read_checkpoint(path).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_empty_tensors_and_single_numbers(tmp_path):
    empty = tensor(count=0, shape=(0, 3), strides=(3, 1))
    single = tensor(key="1", count=1, shape=(), strides=())
    path = write_zip(tmp_path, empty + single + b"\x86", {"0": b"", "1": SIX[3:4].tobytes()})
    first, second = read_checkpoint(path)
    assert first.shape == (0, 3)
    assert second.shape == () and second == 3


def test_arrays_are_views_of_the_file(tmp_path):
    path = write_zip(tmp_path, tensor(), {"0": SIX.tobytes()})
    found = read_checkpoint(path)
    assert not found.flags.owndata and not found.flags.writeable


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (2, 4), "strides": (3, 1)},  # more numbers than the storage has
        {"shape": (3, 3), "strides": (0, 0)},  # repeats one number
        {"offset": 1},
        {"offset": -1},
        {"offset": True},
        {"strides": (-3, 1)},
        {"strides": (4, 1)},
        {"strides": (2**62, 1)},
        {"strides": (3,)},
        {"shape": (2**40, 2**40), "strides": (0, 0)},
        {"shape": (-2, -3)},
        {"shape": (2.0, 3)},
        {"shape": (1,) * 70, "strides": (1,) * 70},
        {"count": 7},
        {"count": 2**62},
        {"count": -6},
        {"key": "1"},
        {"key": 0},
        {"view": (0, 4, 6)},
        {"view": (0, -1, 6)},
        {"storage": "torch.Size"},
    ],
)
def test_tensors_that_do_not_fit_their_storage_are_refused(tmp_path, change):
    options = {"count": 6, **change}
    for path in (
        write_zip(tmp_path, tensor(**options), {"0": SIX.tobytes()}),
        write_legacy(tmp_path, tensor(**options), {"0": (6, SIX.tobytes())}),
    ):
        with pytest.raises(InputError, match=path.name):
            read_checkpoint(path)


def test_meta_tensors_are_refused(tmp_path):
    with pytest.raises(InputError, match="'meta'"):
        read_checkpoint(write_zip(tmp_path, tensor(device="meta"), {"0": b""}))


def test_whole_models_are_refused(tmp_path):
    program = body(("module", "Generator", "generator.py", "source")) + b"Q"
    with pytest.raises(InputError, match="pickled Python object"):
        read_checkpoint(write_zip(tmp_path, program))


def test_numpy_values_and_torch_objects(tmp_path):
    program = b"(" + body(np.float64(0.25)) + body(np.arange(6, dtype=">i4").reshape(2, 3).T)
    program += named("torch.device") + body(("cuda", 1)) + b"R" + named("torch.bfloat16")
    program += named("torch.Size") + body(((2, 3),)) + b"Rt"
    rate, array, device, dtype, size = read_checkpoint(write_zip(tmp_path, program))
    assert (rate, device, dtype, size) == (0.25, "cuda:1", "torch.bfloat16", (2, 3))
    assert array.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_safetensors_are_read_flat(tmp_path):
    arrays = {"generator.final.weight": SIX.reshape(2, 3), "half": SIX.astype(ml_dtypes.bfloat16)}
    path = tmp_path / "vox.pth.tar"
    safetensors.numpy.save_file(arrays, path)
    found = read_checkpoint(path)
    assert set(found) == set(arrays)
    assert found["half"].dtype == arrays["half"].dtype
    assert found["generator.final.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_cut_short_anywhere_is_said_to_be(tmp_path, layout):
    content = (FIXTURES / layout).read_bytes()
    path = tmp_path / layout
    for length in [*range(40, len(content), 4001), *range(len(content) - 10, len(content))]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="cut short"):
            read_checkpoint(path)


def test_a_changed_storage_is_found_by_its_checksum(tmp_path):
    path = write_zip(tmp_path, tensor(), {"0": SIX.tobytes()})
    content = path.read_bytes()
    path.write_bytes(content.replace(SIX.tobytes(), SIX[::-1].tobytes()))
    with pytest.raises(InputError, match="checksum of archive/data/0"):
        read_checkpoint(path)


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, 2**16), value=st.integers(0, 255), length=st.integers(1, 4))
def test_changed_bytes_never_raise_anything_else(tmp_path_factory, position, value, length):
    """The pickles of the legacy file are its first part, and no checksum covers them."""
    content = bytearray((FIXTURES / "fomm_legacy.pth.tar").read_bytes())
    start = position % 20000
    content[start : start + length] = bytes([value]) * length
    path = tmp_path_factory.getbasetemp() / "changed.pth.tar"
    path.write_bytes(content)
    try:
        read_checkpoint(path)
    except InputError as error:
        assert str(path) in str(error)


def test_the_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert file_hash(path) == hashlib.sha256(b"abc").hexdigest()


def test_the_path_may_be_text_and_the_file_may_go(tmp_path):
    path = tmp_path / "copy.pth"
    shutil.copy(FIXTURES / LAYOUTS[0], path)
    checkpoint = read_checkpoint(str(path))
    path.unlink()
    _, values = expected_tensors()["kp_detector"]["kp.weight"]
    np.testing.assert_array_equal(checkpoint["kp_detector"]["kp.weight"], values)


@pytest.mark.parametrize("change", [{"offset": 1}, {"strides": (4, 1)}, {"shape": (3, 3), "strides": (0, 0)}])
def test_the_sentence_names_shape_and_storage(tmp_path, change):
    with pytest.raises(InputError, match=r"a tensor of shape \(\d, 3\) that does not fit the 6 numbers of its storage"):
        read_checkpoint(write_zip(tmp_path, tensor(**change), {"0": SIX.tobytes()}))
