import builtins
import io
import operator
import os
import pickle
import subprocess
import sys
import time

import pytest

from tests.interop.samples import body, named, write_legacy, write_zip
from thf_jax.errors import InputError
from thf_jax.interop.pickle_machine import RefusedError, read_pickle
from thf_jax.interop.torch_reader import read_checkpoint


class Reduced:
    """Pickles as a call of anything."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def dive():
    return dive()


MAKERS = {"a.make": tuple, "a.take": lambda: operator.attrgetter("shape")(3), "a.dive": dive}


def read(program: bytes):
    return read_pickle(io.BytesIO(program), constructors=MAKERS, inert={"a.Kind"}, persistent=str)


PLAIN = [
    None,
    [True, False, 0, -1, 255, 65536, 2**31, -(2**63), 2**100],
    {"a": 1.5, 2: [], None: (), b"k": {}},
    ("", "ä€😀", "x" * 300, b"", b"\x00\xff" * 200),
    [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[[]]]],
    list(range(3000)),
    dict.fromkeys(map(str, range(3000)), 7),
]


@pytest.mark.parametrize("protocol", range(3, 6))
@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_plain_values_are_what_python_reads(value, protocol):
    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(3))
def test_old_protocols_too(protocol):
    for value in PLAIN:
        if b"_codecs" not in pickle.dumps(value, protocol):  # how they write bytes, a matter of the caller's names
            assert read(pickle.dumps(value, protocol)) == value


def test_python_2_wrote_text_as_bytes():
    assert read(b"\x80\x02}U\x03keyU\x05valueT\x02\x00\x00\x00hi\x86s.") == {"key": ("value", "hi")}


def test_shared_values_stay_shared():
    shared = [1]
    first, second = read(pickle.dumps([shared, shared], 4))
    assert first is second


@pytest.mark.parametrize("layout", [write_zip, write_legacy])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize(
    ("function", "named_as"),
    [(os.system, "system"), (eval, "eval"), (exec, "exec"), (getattr, "getattr"), (builtins.__import__, "__import__")],
)
def test_nothing_runs(tmp_path, layout, protocol, function, named_as):
    marker = tmp_path / "ran"
    calls = {
        "system": (f"touch {marker}",),
        "eval": (f"open({str(marker)!r}, 'w')",),
        "exec": (f"open({str(marker)!r}, 'w')",),
        "getattr": (Reduced(getattr, ("x", "upper")), "__globals__"),
        "__import__": ("antigravity",),
    }
    attack = pickle.dumps({"generator": Reduced(function, calls[named_as])}, protocol)
    program = attack[:-1][2 if protocol > 1 else 0 :]
    path = layout(tmp_path, program)
    with pytest.raises(InputError, match=rf"asks for '\w+\.{named_as}'"):
        read_checkpoint(path)
    assert not marker.exists()
    assert "antigravity" not in sys.modules


def test_the_attacks_would_have_run(tmp_path):
    """The same program in Python's own unpickler does what the test above says it does."""
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(Reduced(exec, (f"open({str(marker)!r}, 'w').close()",))))
    assert marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch._utils", "_rebuild_tensor_v2.__class__.__base__"),
        ("collections", "OrderedDict.__init__"),
        ("collections", "namedtuple"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "_reconstruct.__self__"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("_codecs", "lookup"),
        ("thf_jax.interop.torch_reader", "read_checkpoint"),
    ],
)
def test_names_next_to_allowed_ones_are_refused(tmp_path, name):
    attributes = b"\x8c" + bytes([len(name[0])]) + name[0].encode() + b"\x8c" + bytes([len(name[1])]) + name[1].encode()
    path = write_zip(tmp_path, attributes + b"\x93")
    with pytest.raises(InputError, match="asks for"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "program",
    [
        named("a.Kind") + b")R.",  # calls what may only be mentioned
        body("text") + b")R.",
        named("a.make") + b"]R.",  # arguments that are no tuple
        named("a.make") + b"}" + body("__code__") + b"Nsb.",  # sets attributes of a name
        b"]}b.",
        body("text") + b"}b.",
        named("a.make") + b")\x81.",  # NEWOBJ
        b"(" + named("a.make") + b"o.",  # OBJ
        b"(ia\nmake\n.",  # INST
        b"\x82\x01.",  # EXT1
        b"P0\n.",  # PERSID
        b"\x8f.",  # EMPTY_SET
        b"\x97.",  # NEXT_BUFFER
    ],
)
def test_other_instructions_are_refused(program):
    with pytest.raises(RefusedError, match=r"not run|not done"):
        read(b"\x80\x04" + program)


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b"\x80\x02",
        b".",
        b"]",
        b"a.",
        b"t.",
        b"\x86.",
        b"N\x87.",
        b"h\x01.",
        b"q\x00.",
        b"]s.",
        b"}N\x85s.",
        b"}]Ns.",  # a list as a key
        b"}K\x01\x85Ns.",  # a tuple as a key
        b"}(NNNu.",  # a key without a value
        b"NNa.",
        b"(NNe.",
        b"N(NNu.",
        b"R.",
        b"b.",
        b"\x93.",
        b"NN\x93.",
        b"\x8d" + b"\xff" * 7 + b"\x7f" + b"short.",  # text of 2^63 bytes
        b"X\xff\xff\xff\x7fshort.",
        b"\x8b\xff\xff\xff\x7f1.",
        b"L" + b"9" * 5000 + b"L\n.",
        b"I1x\n.",
        b"\xff.",
        named("a.make") + b"(NNtR.",  # two arguments to a constructor of one
        named("a.take") + b")R.",  # a constructor that looks for an attribute which is not there
        named("a.dive") + b")R.",  # one that exhausts the stack
    ],
)
def test_damaged_programs_are_value_errors(program):
    with pytest.raises(ValueError) as caught:
        read(program)
    assert not isinstance(caught.value, RefusedError)


def test_a_huge_memo_number_takes_no_memory():
    assert read(b"Nr\xff\xff\xff\x7fj\xff\xff\xff\x7f\x86.") == (None, None)


@pytest.mark.parametrize("opening", [b"]" * 10**4 + b"a" * (10**4 - 1), b")" + b"\x85" * 10**4, b"]q\x00h\x00a"])
def test_bottomless_values_are_refused(tmp_path, opening):
    """Nested ten thousand deep, or a list that holds itself."""
    with pytest.raises(InputError, match="levels deep"):
        read_checkpoint(write_zip(tmp_path, opening))


def test_a_deep_tuple_as_a_key_is_refused(tmp_path):
    with pytest.raises(InputError, match="a key of type tuple"):
        read_checkpoint(write_zip(tmp_path, b"})" + b"\x85" * 10**4 + b"Ns"))


def test_shared_levels_take_no_exponential_time(tmp_path):
    program = b"]" + b"".join(b"q\x00](h\x00h\x00e" for _ in range(60))
    start = time.monotonic()
    value = read_checkpoint(write_zip(tmp_path, program))
    assert time.monotonic() - start < 5
    assert len(value) == 2 and value[0] is value[1]


def test_an_endless_pickle_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("thf_jax.interop.pickle_machine.LIMIT", 1000)
    with pytest.raises(InputError, match="no table of tensors"):
        read_checkpoint(write_zip(tmp_path, b"N0" * 600 + b"N"))


DEEP = b")" + b"\x85" * 10**6
"""The instructions of a tuple in a tuple, a million times over."""


def test_a_deep_tuple_in_the_place_of_a_name_is_refused(tmp_path):
    """Read elsewhere, since to look such a tuple up would end the interpreter."""
    programs = {
        "dtype": named("numpy.dtype") + DEEP + b"\x85R",
        "device": named("torch.device") + DEEP + b"\x85R",
        "text": named("_codecs.encode") + DEEP + body("latin1") + b"\x86R",
        "encoding": named("_codecs.encode") + body("text") + DEEP + b"\x86R",
    }
    files = [write_zip(tmp_path, program).rename(tmp_path / name) for name, program in programs.items()]
    legacy, no_keys = write_legacy(tmp_path, body("text")), pickle.dumps([], 2)
    assert legacy.read_bytes().endswith(no_keys)
    legacy.write_bytes(legacy.read_bytes().removesuffix(no_keys) + b"\x80\x02](" + DEEP + b"e.")
    reading = """
import sys
from thf_jax.errors import InputError
from thf_jax.interop.torch_reader import read_checkpoint
for path in sys.argv[1:]:
    try:
        read_checkpoint(path)
    except InputError as error:
        print(error)
"""
    command = [sys.executable, "-c", reading, *map(str, files), str(legacy)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and all("is damaged" in line for line in lines) and "not torch's" in lines[-1]


@pytest.mark.parametrize("name", ["numpy.dtype", "torch.device", "_codecs.encode"])
def test_shared_tuples_are_never_written_out(tmp_path, name):
    """Each level doubles the text of the one below: of 26 levels it would have 400 MB."""
    doubled = b")" + b"q\x00h\x00\x86" * 26
    arguments = body("text") + doubled + b"\x86" if name == "_codecs.encode" else doubled + b"\x85"
    start = time.monotonic()
    with pytest.raises(InputError, match="is damaged") as caught:
        read_checkpoint(write_zip(tmp_path, named(name) + arguments + b"R"))
    assert time.monotonic() - start < 5 and len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "again",
    [
        named("_codecs.encode") + b"h\x64" + body("latin1") + b"\x86R",
        named("torch.Size") + b"h\x65\x85R",
        named("collections.OrderedDict") + b"h\x66\x85R",
        named("numpy.core.multiarray._reconstruct") + b")R(K\x01M\xe2\x04\x85h\x67Nh\x64tb",
    ],
    ids=["text", "sizes", "pairs", "array"],
)
def test_what_a_file_holds_once_cannot_be_copied_a_thousand_times(tmp_path, again):
    """Ten kilobytes that a few bytes name, a thousand times over, would take ten megabytes and more."""
    dtype = named("numpy.dtype") + body(("f8",)) + b"R"
    values = [body("x" * 10**4), body([1] * 10**4), body([("a", 1)] * 10**4), dtype]
    stored = b"".join(value + f"p{index}\n".encode() + b"0" for index, value in enumerate(values, 100))
    read_checkpoint(write_zip(tmp_path, stored + again))
    with pytest.raises(InputError, match="repeats parts of itself"):
        read_checkpoint(write_zip(tmp_path, b"(" + stored + again * 1000 + b"t"))
