"""Output files: whole or not at all."""

import pytest

from thf_jax.inference.outputs import appearing


def test_two_writers_of_one_file_do_not_share_their_unfinished_ones(tmp_path):
    """Two threads, or the first processes of two containers, which have the same number."""
    target = tmp_path / "out.mp4"
    with appearing(target) as first:
        first.write_text("first")
        with appearing(target) as second:
            assert second != first and second.suffix == first.suffix == ".mp4"
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_text("before")
    with pytest.raises(RuntimeError), appearing(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]
