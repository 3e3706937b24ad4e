"""The tables of sweeps: means and spreads over seeds, what failed, and the command that makes them again."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from experiments.sweeps.study import SETTINGS
from experiments.sweeps.table import ablation_table, search_table
from thf_jax.errors import InputError

SETTING = {"config": "configs/fomm.py:mini64", "overrides": ["--config.train.steps=9"], "split": "eval", "every": 2}
TOTALS = {"copying_l1": 0.08, "copying_ssim": 0.5, "frames": 20, "clips": 2, "steps": 9}


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study()
    made.set_user_attr(SETTINGS, SETTING)
    return made


def add(study, l1, params=None, distributions=None, **attributes):
    scores = {"l1": l1, "ssim": 1 - 10 * l1, "l1_below_copying": 1 - l1 / TOTALS["copying_l1"], **TOTALS}
    ended = {"state": TrialState.FAIL} if l1 is None else {"value": l1}
    study.add_trial(
        optuna.trial.create_trial(
            params=params, distributions=distributions, user_attrs=attributes | ({} if l1 is None else scores), **ended
        )
    )


def failed(study, **attributes):
    study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL, user_attrs=attributes))


def test_variants_over_their_seeds(study):
    three = [0.04, 0.05, 0.07]
    for seed, l1 in enumerate(three):
        add(study, l1, variant="full", seed=seed)
    for seed, l1 in ((1, 0.06), (0, 0.02)):
        add(study, l1, variant="zeroth_order", seed=seed)
    add(study, 0.08, variant="keypoints_5", seed=0)
    failed(study, variant="keypoints_5", seed=1, failure="the loss is nan")
    failed(study, variant="full", seed=0, failure="was better the second time")
    failed(study, variant="full", seed=3)  # killed
    text = ablation_table(study, ["full", "single_scale", "zeroth_order", "keypoints_5"])
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    assert rows[0] == ["variant", "L1", "below copying", "SSIM", "seeds", "steps"]
    assert [row[0] for row in rows[2:]] == ["full", "zeroth_order", "keypoints_5"]
    mean = sum(three) / 3
    deviation = (sum((l1 - mean) ** 2 for l1 in three) / 2) ** 0.5
    assert rows[2][1] == f"{mean:.4f} ± {deviation:.4f}" and rows[2][4:] == ["3", "9"]
    assert rows[3][1:4] == ["0.0400 (0.0200, 0.0600)", "50.0% (75.0%, 25.0%)", "0.600 (0.800, 0.400)"]
    assert rows[4][1:] == ["0.0800", "0.0%", "0.200", "1", "9"]
    assert "in brackets both values where there are two seeds" in text and "divisor n − 1" in text
    assert text.splitlines()[0] == (
        "`python -m experiments.ablate --config configs/fomm.py:mini64 --only full,zeroth_order,keypoints_5 "
        "--seeds 0,1,2 --config.train.steps=9 --every 2`"
    )
    assert "20 frames, one in 2, of 2 clips" in text and "L1 0.0800" in text
    assert [line for line in text.splitlines() if "ailed" in line] == ["Failed: keypoints_5, seed 1: the loss is nan"]


def test_a_search_has_its_best_trial_first(study):
    distributions = {"optimizer.learning_rate": optuna.distributions.FloatDistribution(1e-5, 1e-3, log=True)}
    for number, (l1, rate) in enumerate([(0.06, 1e-4), (0.04, 2.34567e-4)]):
        add(study, l1, {"optimizer.learning_rate": rate}, distributions, trial=number)
    failed(study, trial=2, failure="the loss is nan")
    text = search_table(study)
    lines = text.splitlines()
    assert lines[0].split(" --config.")[0].endswith("configs/fomm.py:mini64 --search 3")
    rows = [line for line in lines if line[:1] == "|"]
    assert rows[0] == "| trial | L1 | below copying | SSIM | optimizer.learning_rate | steps |"
    assert rows[2:] == [
        "| 1 | 0.0400 | 50.0% | 0.600 | 0.000235 | 9 |",
        "| 0 | 0.0600 | 25.0% | 0.400 | 0.0001 | 9 |",
    ]
    assert lines[-1] == "Failed: trial 2: the loss is nan"
    assert np.isclose(study.best_value, 0.04)


@pytest.mark.parametrize("table", [lambda study: ablation_table(study, ["full"]), search_table])
def test_no_scores_are_no_table(study, table):
    with pytest.raises(InputError, match="no trial of this sweep has come to a score yet"):
        table(study)
