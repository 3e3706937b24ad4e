"""How SIGTERM ends a command."""

import signal
import threading

import pytest

from thf_jax.cli.exit_status import exit_status, terminable


@pytest.fixture(autouse=True)
def by_default():
    """SIGTERM as a process finds it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_second_signal_does_not_break_off_the_clean_up(capsys):
    cleaned = []

    def work(words):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)

    with terminable():
        assert exit_status("thf", work, []) == 143
    assert cleaned and capsys.readouterr().err == "thf: ended by SIGTERM\n"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_handler_that_is_there_stays():
    def mine(number, frame):
        raise AssertionError

    signal.signal(signal.SIGTERM, mine)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) is mine
    assert signal.getsignal(signal.SIGTERM) is mine


def test_another_thread_changes_nothing():
    seen = []

    def work():
        with terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
