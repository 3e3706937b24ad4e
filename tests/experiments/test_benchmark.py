"""The benchmark command."""

import itertools
import re
import time

import numpy as np
import pytest

from experiments.benchmark import main, measure


def test_input_speed_is_a_line_each(capsys):
    assert main(["--what", "input", "--size", "8", "--batch_size", "4", "--seconds", "0.2"]) == 0
    head, read, jittered = capsys.readouterr().out.splitlines()
    assert head == "moving_heads, train: 16 clips of 8 x 8; batches of 4 pairs, 2 threads"
    for line, name in ((read, "read, decoded, flipped"), (jittered, "and colours jittered on the cpu")):
        found = re.fullmatch(rf"{name} +([\d,]+) pairs/s +([\d.]+) ms of CPU a pair", line)
        assert found and float(found[1].replace(",", "")) > 0


def test_what_is_measured():
    fetched, used = [], []

    def batches():
        for number in itertools.count():
            time.sleep(0.01)
            fetched.append(number)
            yield {"driving": np.zeros((5, 2, 2, 3), np.uint8)}

    speed = measure(batches(), used.append, seconds=0.3)
    assert len(used) == len(fetched) > 4  # all that were fetched were used, three of them uncounted
    assert 5 / 0.3 <= speed.pairs_per_second <= 5 / 0.01
    assert speed.cpu_milliseconds < 2 + 1000 / speed.pairs_per_second  # asleep is not at work


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "nowhere"], "there is no folder nowhere"),
        (["--data", "moving_heads", "--seconds", "0"], "--seconds is more than 0, not 0"),
        (["--data", "moving_heads", "--batch_size", "0"], "nothing to draw pairs from"),
        (["--data", "moving_heads", "--split", "evl"], "did you mean eval"),
    ],
)
def test_wrong_input_is_one_sentence_and_status_2(words, sentence, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("benchmark: ") and sentence in error and error.count("\n") == 1
