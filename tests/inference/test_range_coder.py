"""The range coder: whatever goes in comes out, and what is predictable costs little."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thf_jax.inference.range_coder import MOST_BITS_A_BYTE, Decoder, Encoder, decode_integer, encode_integer

contexts = st.sampled_from(["a", "b", ("a", 1)])


@given(st.lists(st.tuples(st.integers(0, 1), contexts), max_size=400))
def test_bits_come_out_as_they_went_in(bits):
    encoder = Encoder()
    for bit, context in bits:
        encoder.bit(bit, context)
    decoder = Decoder(encoder.finish())
    assert [decoder.bit(context) for _, context in bits] == [bit for bit, _ in bits]


@given(st.lists(st.tuples(st.one_of(st.integers(-20, 20), st.integers(-(2**40), 2**40)), contexts), max_size=60))
def test_whole_numbers_come_out_as_they_went_in(numbers):
    encoder = Encoder()
    for number, context in numbers:
        encode_integer(encoder, number, context)
    decoder = Decoder(encoder.finish())
    assert [decode_integer(decoder, context) for _, context in numbers] == [number for number, _ in numbers]


def coded(bits) -> int:
    encoder = Encoder()
    for bit in bits:
        encoder.bit(int(bit), None)
    return 8 * len(encoder.finish())


def test_a_bit_costs_its_entropy():
    random = np.random.default_rng(0)
    for share in (0.5, 0.1, 0.02):
        bits = random.random(5000) < share
        entropy = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
        assert abs(coded(bits) / 5000 - entropy) < 0.03


def test_long_runs_carry_over_many_bytes():
    """Ones after a long run of zeros, and the other way round, change bytes that are written already."""
    for run in ([0] * 3000 + [1] * 40, [1] * 3000 + [0] * 40, [0, 1] * 500 + [1] * 3000):
        encoder = Encoder()
        for bit in run:
            encoder.bit(bit, None)
        decoder = Decoder(encoder.finish())
        assert [decoder.bit(None) for _ in run] == run


@pytest.mark.parametrize("bit", [0, 1])
def test_no_bit_is_cheaper_than_is_said(bit):
    """The reader of a stream believes no more numbers than could be in it."""
    count = 30_000
    taken = coded([bit] * count) / 8
    assert 0.3 * (taken - 1) * MOST_BITS_A_BYTE < count <= (taken + 1) * MOST_BITS_A_BYTE


def test_numbers_without_an_end_are_refused():
    """Any bytes are a stream, and ones without an end are a number without an end."""
    with pytest.raises(ValueError, match="more than 40 binary digits"):
        decode_integer(Decoder(b"\xff" * 10**5), "a")
    with pytest.raises(ValueError, match="more than 40 binary digits"):
        encode_integer(Encoder(), 2**41, "a")


def test_nothing_takes_no_bytes():
    assert Encoder().finish() == b""
