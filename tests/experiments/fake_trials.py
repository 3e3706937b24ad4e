"""Trials whose commands train nothing: they note when they begin and end, and leave the files that real ones leave.

python -m tests.experiments.fake_trials DIR: a sweep of two of them, the second of which waits for the file DIR/go.
"""

import json
import sys
import time
from pathlib import Path

from experiments.sweeps.study import open_study, run_grid
from experiments.sweeps.trial import SCORES, Trial, run_here

STEPS = 4
COPYING = {"l1": 0.08, "ssim": 0.5, "psnr": 20.0}
COMMAND = """
import json, pathlib, sys, time
folder, steps, waits = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "waits"
root = folder.parents[1]
def note(word):
    with (root / "notes.txt").open("a") as file:
        file.write(f"{word} {folder.parent.name}\\n")
note("begin")
while waits and not (root / "go").exists():
    time.sleep(0.02)
checkpoint = folder / "checkpoints" / str(steps)
checkpoint.mkdir(parents=True, exist_ok=True)
(checkpoint / "state").touch()
note("end")
"""


def scores(l1):
    """What `experiments.evaluate` writes, of this L1."""
    model = {"l1": l1, "ssim": 0.6, "psnr": 21.0}
    counts = {"clips": 2, "frames": 20, "clips_better": 1, "l1_below_copying": 1 - l1 / COPYING["l1"]}
    return {"summary": {"model": model, "copying": COPYING, **counts}}


def fake_trial(root, name, *, steps=STEPS, waits=False, l1=0.04, train=None):
    """A trial in root/NAME/seed0, whose training ends at `steps` of `STEPS`."""
    folder = root / name / "seed0"
    write = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    return Trial(
        folder,
        {"variant": name, "seed": 0},
        train or (sys.executable, "-c", COMMAND, str(folder), str(steps), "waits" if waits else ""),
        (sys.executable, "-c", write, str(folder / SCORES), json.dumps(scores(l1))),
        STEPS,
    )


def notes(root):
    """What the trials noted, in its order."""
    file = root / "notes.txt"
    return file.read_text().splitlines() if file.exists() else []


def wait_for(condition):
    """Return when it holds; a minute is too long even on a busy machine."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError("a minute has passed")


def sweep(root):
    """A sweep of two trials, one after the other."""
    study = open_study(root, "ablations", {"config": "fake"})
    return run_grid(study, [fake_trial(root, "first"), fake_trial(root, "second", waits=True)], run_here(1))


if __name__ == "__main__":
    sweep(Path(sys.argv[1]))
