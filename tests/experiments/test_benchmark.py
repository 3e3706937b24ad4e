"""The benchmark command."""

import itertools
import re
import time

import numpy as np
import pytest

from experiments.benchmark import main, measure, median_seconds


def test_input_speed_is_a_line_each(capsys):
    assert main(["--what", "input", "--size", "8", "--batch_size", "4", "--seconds", "0.2"]) == 0
    head, read, jittered = capsys.readouterr().out.splitlines()
    assert head == "moving_heads, train: 16 clips of 8 x 8; batches of 4 pairs, 2 threads"
    for line, name in ((read, "read, decoded, flipped"), (jittered, "and colours jittered on the cpu")):
        found = re.fullmatch(rf"{name} +([\d,]+) pairs/s +([\d.]+) ms of CPU a pair", line)
        assert found and float(found[1].replace(",", "")) > 0


def test_the_train_step_is_timed_with_any_override(capsys):
    words = [
        "--what",
        "train",
        "--config",
        "configs/x2face.py:debug",
        "--config.train.batch_size=8",
        "--seconds",
        "0.1",
    ]
    assert main(words) == 0
    found = re.fullmatch(
        r"x2face at 32 px, batches of 8 on 8 cpu device\(s\): ([\d.,]+) ms a step, ([\d.,]+) images/s "
        r"\(([\d.,]+) a device\), after \d+ s of compilation\n",
        capsys.readouterr().out,
    )
    milliseconds, images, each = (float(number.replace(",", "")) for number in found.groups())
    assert images == pytest.approx(8000 / milliseconds, rel=0.05)
    assert each == pytest.approx(images / 8, abs=0.1)


def test_animation_is_timed(capsys):
    assert main(["--what", "animate", "--seconds", "0.1"]) == 0
    found = re.fullmatch(
        r"fomm-mini64 \(fomm\) at 64 px: ([\d.,]+) ms a frame, ([\d.,]+) frames/s\n", capsys.readouterr().out
    )
    assert float(found[1]) * float(found[2]) == pytest.approx(1000, rel=0.05)


def test_a_median_leaves_out_the_first_three(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    done = []
    assert median_seconds(lambda: done.append(None), 7.0) == 1.0
    assert len(done) > 4


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
        (["--what", "train", "--config", "configs/fom.py"], "there is no configuration file configs/fom.py"),
        (["--what", "train", "--config.train.batch_size=9"], "the nearest that does is 8"),
        (["--what", "train", "--config.train.bach_size=8"], "no entry"),
        (["--what", "animate", "--model", "fomm-mini46"], "fomm-mini64"),
        (["--what", "animate", "--config.seed=1"], "which --what animate has none of"),
    ],
)
def test_wrong_input_is_one_sentence_and_status_2(words, sentence, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("benchmark: ") and sentence in error and error.count("\n") == 1
